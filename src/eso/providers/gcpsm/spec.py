"""The configuration under `spec.provider.gcpsm` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.identity_v1 import GCPAuthSecretRef, GCPWorkloadIdentity, GCPWorkloadIdentityFederation
from reconcile.api.model import Model

__all__ = ["GCPSMAuth", "GCPSMSpec"]


class GCPSMAuth(Model):
    """A service account key, workload identity, or workload identity federation; absent means the default credentials."""

    secret_ref: GCPAuthSecretRef | None = None
    workload_identity: GCPWorkloadIdentity | None = None
    workload_identity_federation: GCPWorkloadIdentityFederation | None = None


class GCPSMSpec(Model):
    """A project (and location, for regional secrets) and the identity to read it with."""

    auth: GCPSMAuth | None = None
    location: str | None = None
    project_id: str | None = Field(default=None, alias="projectID")
    secret_version_selection_policy: str = "LatestOrFail"
