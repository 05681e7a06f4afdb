"""`v1`: the core kinds that controllers use; `Pod` lives in `pod_v1`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconcile.api.builtin import Base64, BuiltinKind, Items, Map
from reconcile.api.meta_v1 import Condition, MicroTime, Time
from reconcile.api.model import Model, Resource
from reconcile.api.pod_v1 import Pod, PodSpec, PodTemplateSpec

__all__ = [
    "ConfigMap",
    "EndpointAddress",
    "EndpointPort",
    "EndpointSubset",
    "Endpoints",
    "Event",
    "EventSource",
    "LocalObjectReference",
    "Namespace",
    "NamespaceStatus",
    "ObjectReference",
    "Pod",
    "PodSpec",
    "PodTemplateSpec",
    "Secret",
    "Service",
    "ServiceAccount",
    "ServicePort",
    "ServiceSpec",
]


class ObjectReference(Model):
    """Points at an object, or at a part of one (`field_path`)."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class LocalObjectReference(Model):
    """Points at an object in the same namespace."""

    name: str = ""


class Secret(BuiltinKind):
    """Bytes by key; the repr shows neither `data` nor `string_data`."""

    resource = Resource("", "v1", "Secret", "secrets", status_subresource=False)

    data: Map[Base64] = Field(default_factory=dict, repr=False)
    string_data: Map[str] = Field(default_factory=dict, repr=False)
    type: str = ""
    immutable: bool | None = None


class ConfigMap(BuiltinKind):
    """Text and bytes by key."""

    resource = Resource("", "v1", "ConfigMap", "configmaps", short_names=("cm",), status_subresource=False)

    data: Map[str] = Field(default_factory=dict)
    binary_data: Map[Base64] = Field(default_factory=dict, repr=False)
    immutable: bool | None = None


class NamespaceStatus(Model):
    """`Active` or `Terminating`."""

    phase: str = ""
    conditions: Items[Condition] = Field(default_factory=list)


class Namespace(BuiltinKind):
    """A scope for names."""

    resource = Resource("", "v1", "Namespace", "namespaces", namespaced=False, short_names=("ns",))

    spec: dict[str, Any] | None = None
    status: NamespaceStatus | None = None


class ServiceAccount(BuiltinKind):
    """An identity for Pods; its annotations bind it to cloud identities."""

    resource = Resource("", "v1", "ServiceAccount", "serviceaccounts", short_names=("sa",), status_subresource=False)

    secrets: Items[ObjectReference] = Field(default_factory=list)
    image_pull_secrets: Items[LocalObjectReference] = Field(default_factory=list)
    automount_service_account_token: bool | None = None


class EventSource(Model):
    """Which program on which node reports."""

    component: str = ""
    host: str = ""


class EventSeries(Model):
    """How often an event was seen."""

    count: int | None = None
    last_observed_time: MicroTime | None = None


class Event(BuiltinKind):
    """Something happened to an object."""

    resource = Resource("", "v1", "Event", "events", short_names=("ev",), status_subresource=False)

    involved_object: ObjectReference = Field(default_factory=ObjectReference)
    reason: str = ""
    message: str = ""
    source: EventSource = Field(default_factory=EventSource)
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    count: int | None = None
    type: str = ""
    event_time: MicroTime | None = None
    series: EventSeries | None = None
    action: str = ""
    related: ObjectReference | None = None
    reporting_component: str = ""
    reporting_instance: str = ""


class ServicePort(Model):
    """A port that a Service opens."""

    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None
    port: int
    target_port: int | str | None = None
    node_port: int | None = None


class ServiceSpec(Model):
    """Which Pods, on which ports."""

    type: str = ""
    selector: Map[str] = Field(default_factory=dict)
    ports: Items[ServicePort] = Field(default_factory=list)
    cluster_ip: str = Field(default="", alias="clusterIP")
    external_name: str = ""


class Service(BuiltinKind):
    """A stable address for Pods."""

    resource = Resource("", "v1", "Service", "services", short_names=("svc",))
    partial = True

    spec: ServiceSpec = Field(default_factory=ServiceSpec)


class EndpointAddress(Model):
    """One address behind a Service."""

    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(Model):
    """One port behind a Service."""

    name: str = ""
    port: int
    protocol: str = ""
    app_protocol: str | None = None


class EndpointSubset(Model):
    """Addresses that share ports."""

    addresses: Items[EndpointAddress] = Field(default_factory=list)
    not_ready_addresses: Items[EndpointAddress] = Field(default_factory=list)
    ports: Items[EndpointPort] = Field(default_factory=list)


class Endpoints(BuiltinKind):
    """The addresses behind a Service."""

    resource = Resource("", "v1", "Endpoints", "endpoints", short_names=("ep",), status_subresource=False)

    subsets: Items[EndpointSubset] = Field(default_factory=list)
