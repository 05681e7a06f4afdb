"""The base of every kind: frozen pydantic models that know their place at the API server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconcile.api.meta_v1 import ObjectMeta

__all__ = ["KubeObject", "Model", "Resource", "dynamic_kind"]


class Model(BaseModel):
    """A part of an object: snake_case in Python, camelCase on the wire, frozen, unknown fields ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        # A kind is built when its first object is: most programs use few of those they import.
        defer_build=True,
    )

    def to_wire(self) -> dict[str, Any]:
        """The JSON form: camelCase names, fields that are None left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind lives at the API server, and what its CustomResourceDefinition says beside the schema."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status_subresource: bool = True
    printer_columns: tuple[dict[str, Any], ...] = field(default=(), compare=False)
    selectable_fields: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def api_version(self) -> str:
        """`group/version`, or only the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        """`plural.group`: the name of the CustomResourceDefinition."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class KubeObject(Model):
    """An object of the API server. A kind is a subclass with a class variable `resource`."""

    resource: ClassVar[Resource]

    metadata: ObjectMeta = Field(default_factory=ObjectMeta)

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for cluster-scoped kinds."""
        return self.metadata.namespace

    def to_wire(self) -> dict[str, Any]:
        """The JSON form with `apiVersion` and `kind` in front."""
        body = super().to_wire()
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **body}

    @classmethod
    def from_wire(cls, body: dict[str, Any]) -> Self:
        """The object from its JSON form; unknown fields are ignored."""
        return cls.model_validate(body)


class _Dynamic(KubeObject):
    """A kind known only at run time: everything beside metadata is kept as it came."""

    model_config = ConfigDict(extra="allow")


def dynamic_kind(resource: Resource) -> type[KubeObject]:
    """A class for a kind that no module describes; its objects keep every field (see `model_extra`)."""
    return type(resource.kind, (_Dynamic,), {"resource": resource, "__module__": __name__})
