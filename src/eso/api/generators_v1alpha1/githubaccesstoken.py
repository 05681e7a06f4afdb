"""GithubAccessToken: an installation token of a GitHub App."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["GithubAccessToken", "GithubAccessTokenSpec", "GithubAuth", "GithubSecretRef"]


class GithubSecretRef(Model):
    """The PEM private key of the App, in a Secret."""

    secret_ref: SecretKeySelector


class GithubAuth(Model):
    """How the App signs in."""

    private_key: GithubSecretRef


class GithubAccessTokenSpec(Model):
    """The App, its installation, and what the token may do; absent means all that the installation may."""

    app_id: str = Field(alias="appID")
    install_id: str = Field(alias="installID")
    auth: GithubAuth
    url: str | None = None
    repositories: list[str] | None = None
    permissions: dict[str, str] | None = None


class GithubAccessToken(KubeObject):
    """An installation access token of a GitHub App, for all or some repositories."""

    resource: ClassVar[Resource] = generator_resource("GithubAccessToken", "githubaccesstokens")

    spec: GithubAccessTokenSpec | None = None
