"""CloudsmithAccessToken: an access token for a Cloudsmith registry."""

from __future__ import annotations

from typing import ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import ServiceAccountSelector
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["CloudsmithAccessToken", "CloudsmithAccessTokenSpec"]


class CloudsmithAccessTokenSpec(Model):
    """Organisation and service (by slug), and the ServiceAccount that the service trusts."""

    org_slug: str
    service_slug: str
    service_account_ref: ServiceAccountSelector
    api_url: str | None = None


class CloudsmithAccessToken(KubeObject):
    """A Cloudsmith token, exchanged for a ServiceAccount token by OIDC."""

    resource: ClassVar[Resource] = generator_resource("CloudsmithAccessToken", "cloudsmithaccesstokens")

    spec: CloudsmithAccessTokenSpec | None = None
