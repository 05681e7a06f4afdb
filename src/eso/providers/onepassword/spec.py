"""The configuration under `spec.provider.onepassword` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["OnePasswordAuth", "OnePasswordAuthSecretRef", "OnePasswordSpec"]


class OnePasswordAuthSecretRef(Model):
    """A Connect token, in a Secret."""

    connect_token_secret_ref: SecretKeySelector


class OnePasswordAuth(Model):
    """How to sign in."""

    secret_ref: OnePasswordAuthSecretRef


class OnePasswordSpec(Model):
    """A Connect server and the vaults that are searched, in order of their numbers."""

    auth: OnePasswordAuth
    connect_host: str
    vaults: dict[str, int]
