"""The configuration under `spec.provider.fortanix` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["FortanixProviderSecretRef", "FortanixSpec"]


class FortanixProviderSecretRef(Model):
    """The API key, in a Secret."""

    secret_ref: SecretKeySelector | None = None


class FortanixSpec(Model):
    """An API endpoint and the key of an application."""

    api_key: FortanixProviderSecretRef | None = None
    api_url: str | None = None
