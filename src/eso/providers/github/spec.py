"""The configuration under `spec.provider.github` of a store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from eso.api.meta_v1 import Int64, SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import AS_STORED

__all__ = ["GithubAppAuth", "GithubSpec"]


class GithubAppAuth(Model):
    """The private key of the GitHub App, in a Secret."""

    private_key: SecretKeySelector


class GithubSpec(Model):
    """Where secrets are written, and the GitHub App that writes them."""

    app_id: Int64 = Field(alias="appID")
    auth: GithubAppAuth
    installation_id: Int64 = Field(alias="installationID")
    organization: str
    environment: str | None = None
    org_secret_visibility: Annotated[Literal["all", "private"], AS_STORED] | None = None
    repository: str | None = None
    upload_url: str | None = Field(default=None, alias="uploadURL")
    url: str = "https://github.com/"
