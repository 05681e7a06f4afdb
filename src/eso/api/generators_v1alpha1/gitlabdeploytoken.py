"""GitlabDeployToken: a deploy token of a GitLab project or group."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import AS_STORED, Constraint, cel, item_count, text_length

__all__ = ["GitlabDeployToken", "GitlabDeployTokenAuth", "GitlabDeployTokenSpec", "GitlabTokenSecretRef"]


class GitlabTokenSecretRef(Model):
    """An access token that may manage deploy tokens, in a Secret."""

    secret_ref: SecretKeySelector


class GitlabDeployTokenAuth(Model):
    """How to sign in."""

    token: GitlabTokenSecretRef


_Scope = Annotated[
    Literal[
        "read_repository",
        "read_registry",
        "write_registry",
        "read_package_registry",
        "write_package_registry",
        "read_virtual_registry",
        "write_virtual_registry",
    ],
    AS_STORED,
]


class GitlabDeployTokenSpec(Model):
    """A project or a group, and name, scopes and expiry of the token."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel("has(self.projectID) != has(self.groupID)", "exactly one of projectID or groupID must be set"),
    )

    name: Annotated[str, text_length(1)]
    scopes: Annotated[list[_Scope], item_count(1)]
    auth: GitlabDeployTokenAuth
    project_id: Annotated[str, text_length(1)] | None = Field(default=None, alias="projectID")
    group_id: Annotated[str, text_length(1)] | None = Field(default=None, alias="groupID")
    url: str | None = None
    username: str | None = None
    expires_at: datetime | None = None


class GitlabDeployToken(KubeObject):
    """A deploy token that is revoked when it is superseded."""

    resource: ClassVar[Resource] = generator_resource("GitlabDeployToken", "gitlabdeploytokens")

    spec: GitlabDeployTokenSpec | None = None
