"""The configuration under `spec.provider.scaleway` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["ScalewayProviderSecretRef", "ScalewaySpec"]


class ScalewayProviderSecretRef(Model):
    """A value, in the spec or in a Secret."""

    secret_ref: SecretKeySelector | None = None
    value: str | None = Field(default=None, repr=False)


class ScalewaySpec(Model):
    """A project in a region and the API key for it."""

    access_key: ScalewayProviderSecretRef
    project_id: str
    region: str
    secret_key: ScalewayProviderSecretRef
    api_url: str | None = None
