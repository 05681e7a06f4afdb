"""The configuration under `spec.provider.gitlab` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model

__all__ = ["GitlabAuth", "GitlabSecretRef", "GitlabSpec"]


class GitlabSecretRef(Model):
    """An access token, in a Secret."""

    access_token: SecretKeySelector | None = None


class GitlabAuth(Model):
    """How to sign in."""

    secret_ref: GitlabSecretRef = Field(alias="SecretRef")


class GitlabSpec(Model):
    """A project or groups, an environment scope, and an access token."""

    auth: GitlabAuth
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    environment: str | None = None
    group_ids: list[str] | None = Field(default=None, alias="groupIDs")
    inherit_from_groups: bool | None = None
    project_id: str | None = Field(default=None, alias="projectID")
    url: str | None = None
