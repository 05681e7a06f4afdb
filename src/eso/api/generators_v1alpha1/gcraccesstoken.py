"""GCRAccessToken: an access token for Google registries."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.identity_v1 import GCPAuthSecretRef, GCPWorkloadIdentity, GCPWorkloadIdentityFederation
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import requires

__all__ = ["GCPSMAuth", "GCRAccessToken", "GCRAccessTokenSpec"]


class GCPSMAuth(Model):
    """A service account key, workload identity, or workload identity federation."""

    secret_ref: GCPAuthSecretRef | None = None
    workload_identity: Annotated[GCPWorkloadIdentity, requires("clusterLocation", "clusterName")] | None = None
    workload_identity_federation: GCPWorkloadIdentityFederation | None = None


class GCRAccessTokenSpec(Model):
    """The project and the identity that gets the token."""

    project_id: str = Field(alias="projectID")
    auth: GCPSMAuth


class GCRAccessToken(KubeObject):
    """An OAuth access token for Google Container Registry and Artifact Registry."""

    resource: ClassVar[Resource] = generator_resource("GCRAccessToken", "gcraccesstokens")

    spec: GCRAccessTokenSpec | None = None
