"""Grafana: a service account token of a Grafana."""

from __future__ import annotations

from typing import Annotated, ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import Int64, SecretKeySelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import value_range, without

__all__ = ["Grafana", "GrafanaAuth", "GrafanaBasicAuth", "GrafanaServiceAccount", "GrafanaSpec"]


_Selector = Annotated[SecretKeySelector, without("namespace")]


class GrafanaBasicAuth(Model):
    """User name and password."""

    username: str
    password: _Selector


class GrafanaAuth(Model):
    """A token, or user name and password."""

    token: _Selector | None = None
    basic: GrafanaBasicAuth | None = None


class GrafanaServiceAccount(Model):
    """The service account, its role, and the lifetime of its token in seconds; absent means for ever."""

    name: str
    role: str
    seconds_to_live: Annotated[Int64, value_range(1)] | None = None


class GrafanaSpec(Model):
    """A Grafana and the service account to make a token for."""

    url: str
    auth: GrafanaAuth
    service_account: GrafanaServiceAccount


class Grafana(KubeObject):
    """A token of a Grafana service account, which is made when it is missing."""

    resource: ClassVar[Resource] = generator_resource("Grafana", "grafanas")

    spec: GrafanaSpec | None = None
