"""UUID: random UUIDs."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["UUID", "UUIDSpec"]


class UUIDSpec(Model):
    """There is nothing to choose."""


class UUID(KubeObject):
    """A random UUID (version 4)."""

    resource: ClassVar[Resource] = generator_resource("UUID", "uuids")

    spec: UUIDSpec = Field(default_factory=UUIDSpec)
