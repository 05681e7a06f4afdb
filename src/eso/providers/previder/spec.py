"""The configuration under `spec.provider.previder` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["PreviderAuth", "PreviderAuthSecretRef", "PreviderSpec"]


class PreviderAuthSecretRef(Model):
    """An access token, in a Secret."""

    access_token: SecretKeySelector


class PreviderAuth(Model):
    """How to sign in."""

    secret_ref: PreviderAuthSecretRef | None = None


class PreviderSpec(Model):
    """A vault endpoint and the token for it."""

    auth: PreviderAuth
    base_uri: str | None = None
