"""The configuration under `spec.provider.passbolt` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model

__all__ = ["PassboltAuth", "PassboltSpec"]


class PassboltAuth(Model):
    """Private key of the user and its passphrase, in Secrets."""

    password_secret_ref: SecretKeySelector
    private_key_secret_ref: SecretKeySelector


class PassboltSpec(Model):
    """A Passbolt host and the user that reads it."""

    auth: PassboltAuth
    host: str
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
