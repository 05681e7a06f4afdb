"""The configuration under `spec.provider.chef` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["ChefAuth", "ChefAuthSecretRef", "ChefSpec"]


class ChefAuthSecretRef(Model):
    """The PEM private key of the user, in a Secret."""

    private_key_secret_ref: SecretKeySelector


class ChefAuth(Model):
    """How requests are signed."""

    secret_ref: ChefAuthSecretRef


class ChefSpec(Model):
    """A Chef server (with its organisation) and the user that signs requests."""

    auth: ChefAuth
    server_url: str
    username: str
