"""ECRAuthorizationToken: a token to log in to Amazon ECR."""

from __future__ import annotations

from typing import ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.identity_v1 import AWSAuth
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["ECRAuthorizationToken", "ECRAuthorizationTokenSpec"]


class ECRAuthorizationTokenSpec(Model):
    """Region and identity; `scope` is `private` (the default) or `public`."""

    region: str
    auth: AWSAuth | None = None
    role: str | None = None
    scope: str | None = None


class ECRAuthorizationToken(KubeObject):
    """A login token for the private or the public Amazon ECR."""

    resource: ClassVar[Resource] = generator_resource("ECRAuthorizationToken", "ecrauthorizationtokens")

    spec: ECRAuthorizationTokenSpec | None = None
