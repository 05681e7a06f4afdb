"""What a field says about its schema, beside its type: put these into `Annotated[...]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "AS_STORED",
    "ATOMIC",
    "NULLABLE",
    "REQUIRED",
    "Constraint",
    "Described",
    "Slot",
    "Without",
    "cel",
    "described_as",
    "item_count",
    "keyword",
    "merged_by",
    "property_count",
    "requires",
    "slot",
    "text_length",
    "text_pattern",
    "value_range",
    "wire_format",
    "without",
]


@dataclass(frozen=True, eq=False)
class Constraint:
    """Keywords that a field, a list item or a model class adds to its schema.

    Put it into `Annotated[...]`, or into the class variable `constraints` of a model.
    """

    keywords: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Slot:
    """Made by `slot`."""

    name: str


@dataclass(frozen=True, eq=False)
class Described:
    """Made by `described_as`."""

    source: Any


@dataclass(frozen=True, eq=False)
class Without:
    """Made by `without`."""

    names: tuple[str, ...]


class _AsStored:
    """Checked as a string only, so that a value outside the enum stays readable."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema()


AS_STORED = _AsStored()
"""For `Literal` fields: the enum goes into the CRD, reading accepts any string."""

REQUIRED = Constraint({})
"""Required by the CRD although the field has a default in Python."""

NULLABLE = Constraint({"nullable": True})
"""An explicit null is kept."""

ATOMIC = Constraint({"x-kubernetes-list-type": "atomic"})
"""A list that server-side apply replaces as a whole."""


def cel(rule: str, message: str) -> Constraint:
    """A validation rule in CEL; `self` is the value it stands at."""
    return Constraint({"x-kubernetes-validations": [{"rule": rule, "message": message}]})


def text_pattern(expression: str) -> Constraint:
    """A regular expression that a string must match."""
    return Constraint({"pattern": expression})


def wire_format(name: str) -> Constraint:
    """A format such as `int32`, `byte` or `date-time`."""
    return Constraint({"format": name})


def text_length(minimum: int | None = None, maximum: int | None = None) -> Constraint:
    """How long a string may be, in characters."""
    return _bounds("minLength", minimum, "maxLength", maximum)


def item_count(minimum: int | None = None, maximum: int | None = None) -> Constraint:
    """How many items a list may have."""
    return _bounds("minItems", minimum, "maxItems", maximum)


def property_count(minimum: int | None = None, maximum: int | None = None) -> Constraint:
    """How many properties an object may have."""
    return _bounds("minProperties", minimum, "maxProperties", maximum)


def value_range(minimum: float | None = None, maximum: float | None = None) -> Constraint:
    """How small and large a number may be, both included."""
    return _bounds("minimum", minimum, "maximum", maximum)


def merged_by(*names: str) -> Constraint:
    """A list that server-side apply merges item by item; `names` identify an item."""
    return Constraint({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(names)})


def keyword(name: str, value: Any) -> Constraint:
    """Any other keyword, for example `keyword("x-kubernetes-map-type", "atomic")`."""
    return Constraint({name: value})


def slot(name: str) -> Any:
    """A field whose schema is supplied, under this name, by whoever assembles the CRD."""
    return Slot(name)


def described_as(source: Any) -> Any:
    """A field whose schema is a given mapping, or that of another type, whatever its own type says."""
    return Described(source)


def requires(*names: str) -> Constraint:
    """Properties (by their wire names) that an object must have at this place, beside those its model requires."""
    return Constraint({"required": list(names)})


def without(*names: str) -> Any:
    """A model that lacks properties (by their wire names) at this place."""
    return Without(names)


def _bounds(low: str, minimum: float | None, high: str, maximum: float | None) -> Constraint:
    return Constraint({name: value for name, value in ((low, minimum), (high, maximum)) if value is not None})
