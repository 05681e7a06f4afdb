"""`discovery.k8s.io/v1`: the addresses behind Services."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.builtin import BuiltinKind, Items, Map
from reconcile.api.core_v1 import ObjectReference
from reconcile.api.model import Model, Resource

__all__ = ["Endpoint", "EndpointConditions", "EndpointPort", "EndpointSlice"]


class EndpointConditions(Model):
    """Whether an endpoint takes traffic; None means unknown, which counts as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Model):
    """One backend and its addresses."""

    addresses: Items[str] = Field(default_factory=list)
    conditions: EndpointConditions = Field(default_factory=EndpointConditions)
    hostname: str | None = None
    target_ref: ObjectReference | None = None
    deprecated_topology: Map[str] = Field(default_factory=dict)
    node_name: str | None = None
    zone: str | None = None


class EndpointPort(Model):
    """One port of all endpoints of a slice."""

    name: str | None = None
    protocol: str | None = None
    port: int | None = None
    app_protocol: str | None = None


class EndpointSlice(BuiltinKind):
    """Some of the endpoints of a Service; the label `kubernetes.io/service-name` says of which."""

    resource = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", status_subresource=False)
    partial = True

    address_type: str = ""
    endpoints: Items[Endpoint] = Field(default_factory=list)
    ports: Items[EndpointPort] = Field(default_factory=list)
