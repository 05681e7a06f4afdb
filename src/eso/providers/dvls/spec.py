"""The configuration under `spec.provider.dvls` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["DVLSAuth", "DVLSAuthSecretRef", "DVLSSpec"]


class DVLSAuthSecretRef(Model):
    """Application id and secret, in Secrets."""

    app_id: SecretKeySelector
    app_secret: SecretKeySelector


class DVLSAuth(Model):
    """How to sign in."""

    secret_ref: DVLSAuthSecretRef


class DVLSSpec(Model):
    """A Devolutions Server, a vault of it, and application credentials."""

    auth: DVLSAuth
    server_url: str
    insecure: bool | None = None
    vault: str | None = None
