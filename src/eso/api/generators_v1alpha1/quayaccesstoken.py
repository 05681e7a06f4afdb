"""QuayAccessToken: an access token of a Quay robot account."""

from __future__ import annotations

from typing import ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import ServiceAccountSelector
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["QuayAccessToken", "QuayAccessTokenSpec"]


class QuayAccessTokenSpec(Model):
    """The robot account and the ServiceAccount it is federated with."""

    robot_account: str
    service_account_ref: ServiceAccountSelector
    url: str | None = None


class QuayAccessToken(KubeObject):
    """A short-lived Quay token, exchanged for a ServiceAccount token."""

    resource: ClassVar[Resource] = generator_resource("QuayAccessToken", "quayaccesstokens")

    spec: QuayAccessTokenSpec | None = None
