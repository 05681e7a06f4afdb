"""`coordination.k8s.io/v1`: leases."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.builtin import BuiltinKind
from reconcile.api.meta_v1 import MicroTime
from reconcile.api.model import Model, Resource

__all__ = ["Lease", "LeaseSpec"]


class LeaseSpec(Model):
    """Who holds the lease, since when, and for how long; times have microseconds."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: MicroTime | None = None
    renew_time: MicroTime | None = None
    lease_transitions: int | None = None
    strategy: str | None = None
    preferred_holder: str | None = None


class Lease(BuiltinKind):
    """A lock that expires."""

    resource = Resource("coordination.k8s.io", "v1", "Lease", "leases", status_subresource=False)

    spec: LeaseSpec = Field(default_factory=LeaseSpec)
