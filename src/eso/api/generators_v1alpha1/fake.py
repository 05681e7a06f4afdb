"""Fake: fixed values, for tests and demonstrations."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["Fake", "FakeSpec"]


class FakeSpec(Model):
    """The values, and the class of the operator that may use them."""

    controller: str | None = None
    data: dict[str, str] | None = Field(default=None, repr=False)


class Fake(KubeObject):
    """The values of its spec."""

    resource: ClassVar[Resource] = generator_resource("Fake", "fakes")

    spec: FakeSpec = Field(default_factory=FakeSpec)
