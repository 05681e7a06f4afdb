"""`meta/v1`: what every object carries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)
from pydantic.alias_generators import to_camel

__all__ = [
    "Condition",
    "LabelSelector",
    "LabelSelectorRequirement",
    "ListMeta",
    "MicroTime",
    "ObjectMeta",
    "OwnerReference",
    "Time",
]


def _seconds(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _microseconds(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# metav1.Time keeps whole seconds; metav1.MicroTime is refused without its six digits.
Time = Annotated[datetime, PlainSerializer(_seconds, return_type=str, when_used="json-unless-none")]
MicroTime = Annotated[datetime, PlainSerializer(_microseconds, return_type=str, when_used="json-unless-none")]


class _Model(BaseModel):
    # The same configuration as model.Model, which stands above this module.
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        # A kind is built when its first object is: most programs use few of those they import.
        defer_build=True,
    )


class OwnerReference(_Model):
    """A pointer to the object that owns this one; the garbage collector follows it."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(_Model):
    """Identity, versions, labels and owners of an object."""

    name: str = ""
    generate_name: str | None = None
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list)
    finalizers: list[str] = Field(default_factory=list)
    managed_fields: list[dict[str, Any]] | None = Field(default=None, repr=False)

    @field_validator("labels", "annotations", mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("owner_references", "finalizers", mode="before")
    @classmethod
    def _null_is_no_items(cls, value: Any) -> Any:
        return [] if value is None else value

    @model_serializer(mode="wrap")
    def _omit_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # An empty map or name on the wire would claim ownership of a field that nobody set.
        return {key: value for key, value in handler(self).items() if value not in (None, "", 0, {}, [])}

    @property
    def deleting(self) -> bool:
        """Whether deletion was asked for and finalizers hold the object."""
        return self.deletion_timestamp is not None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner reference that has `controller: true`."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class ListMeta(_Model):
    """Version and paging state of a list."""

    resource_version: str = ""
    continue_: str = Field(default="", alias="continue")
    remaining_item_count: int | None = None


class LabelSelectorRequirement(_Model):
    """One `matchExpressions` entry: `In`, `NotIn`, `Exists` or `DoesNotExist`."""

    key: str
    operator: str
    values: list[str] | None = None


class LabelSelector(_Model):
    """Labels an object must have; empty matches everything."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[LabelSelectorRequirement] | None = None


class Condition(_Model):
    """One observation about an object, as `metav1.Condition`."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    observed_generation: int | None = None
