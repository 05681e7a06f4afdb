"""The configuration under `spec.provider.cloudrusm` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["CSMAuth", "CSMAuthSecretRef", "CloudruSMSpec"]


class CSMAuthSecretRef(Model):
    """Key id and key secret of a service account, in Secrets."""

    access_key_id_secret_ref: SecretKeySelector = Field(alias="accessKeyIDSecretRef")
    access_key_secret_secret_ref: SecretKeySelector


class CSMAuth(Model):
    """How to sign in."""

    secret_ref: CSMAuthSecretRef | None = None


class CloudruSMSpec(Model):
    """A project and the service account key for it."""

    auth: CSMAuth
    project_id: str | None = Field(default=None, alias="projectID")
