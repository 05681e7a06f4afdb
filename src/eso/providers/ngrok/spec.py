"""The configuration under `spec.provider.ngrok` of a store."""

from __future__ import annotations

from typing import ClassVar

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, property_count

__all__ = ["NgrokAuth", "NgrokProviderSecretRef", "NgrokSpec", "NgrokVault"]


class NgrokProviderSecretRef(Model):
    """An API key, in a Secret."""

    secret_ref: SecretKeySelector | None = None


class NgrokAuth(Model):
    """Exactly one way to authenticate."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    api_key: NgrokProviderSecretRef | None = None


class NgrokVault(Model):
    """The vault that is written, by name."""

    name: str


class NgrokSpec(Model):
    """A vault and the API key for it."""

    auth: NgrokAuth
    vault: NgrokVault
    api_url: str = "https://api.ngrok.com"
