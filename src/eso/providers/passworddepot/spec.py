"""The configuration under `spec.provider.passworddepot` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["PasswordDepotAuth", "PasswordDepotSecretRef", "PasswordDepotSpec"]


class PasswordDepotSecretRef(Model):
    """A Secret with the keys `username` and `password`."""

    credentials: SecretKeySelector | None = None


class PasswordDepotAuth(Model):
    """How to sign in."""

    secret_ref: PasswordDepotSecretRef


class PasswordDepotSpec(Model):
    """A server, a database and the user that reads it."""

    auth: PasswordDepotAuth
    database: str
    host: str
