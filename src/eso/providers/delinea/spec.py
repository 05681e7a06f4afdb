"""The configuration under `spec.provider.delinea` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["DelineaProviderSecretRef", "DelineaSpec"]


class DelineaProviderSecretRef(Model):
    """A value, in the spec or in a Secret."""

    secret_ref: SecretKeySelector | None = None
    value: str | None = Field(default=None, repr=False)


class DelineaSpec(Model):
    """A tenant and client credentials for it."""

    client_id: DelineaProviderSecretRef
    client_secret: DelineaProviderSecretRef
    tenant: str
    tld: str | None = None
    url_template: str | None = None
