"""CustomResourceDefinitions from kinds.

The structural schema of a kind follows from its fields::

    class TeamSpec(Model):
        members: Annotated[list[str], item_count(1, 50)]            # required: it has no default
        tier: Annotated[Literal["gold", "silver"], AS_STORED] = "silver"    # optional, with a default in the CRD
        owner: Annotated[str, text_length(1, 63)] | None = None     # optional, stays absent

    class Team(KubeObject):
        resource = Resource("example.com", "v1", "Team", "teams")
        spec: TeamSpec = Field(default_factory=TeamSpec)            # a factory is no default of the CRD

Constraints of this module are facts for the API server. They are not checked when an object is read: an object that was
stored before a rule existed must not stop an informer. Constraints of pydantic itself (`Field(min_length=1)`) go into the
CRD too, and are checked on read as well.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from reconcile.api.meta_v1 import Condition, LabelSelector, ObjectMeta
from reconcile.api.model import KubeObject

__all__ = [
    "AS_STORED",
    "ATOMIC",
    "NULLABLE",
    "REQUIRED",
    "Constraint",
    "Schema",
    "cel",
    "custom_resource_definition",
    "described_as",
    "item_count",
    "keyword",
    "merged_by",
    "property_count",
    "requires",
    "schema_of",
    "slot",
    "text_length",
    "text_pattern",
    "value_range",
    "version_of",
    "wire_format",
    "without",
]

Schema = dict[str, Any]
"""A JSON schema as the API server takes it: structural, without references."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """Keywords that a field, a list item or a model class adds to its schema.

    Put it into `Annotated[...]`, or into the class variable `constraints` of a model.
    """

    keywords: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class _Slot:
    name: str


@dataclass(frozen=True, eq=False)
class _Described:
    source: Any


@dataclass(frozen=True, eq=False)
class _Without:
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
    return _Slot(name)


def described_as(source: Any) -> Any:
    """A field whose schema is a given mapping, or that of another type, whatever its own type says."""
    return _Described(source)


def requires(*names: str) -> Constraint:
    """Properties (by their wire names) that an object must have at this place, beside those its model requires."""
    return Constraint({"required": list(names)})


def without(*names: str) -> Any:
    """A model that lacks properties (by their wire names) at this place."""
    return _Without(names)


def _bounds(low: str, minimum: float | None, high: str, maximum: float | None) -> Constraint:
    return Constraint({name: value for name, value in ((low, minimum), (high, maximum)) if value is not None})


_STRING: Schema = {"type": "string"}
_SCALARS: Mapping[Any, Schema] = {
    str: _STRING,
    bytes: {"type": "string", "format": "byte"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    Any: {"x-kubernetes-preserve-unknown-fields": True},
    object: {"x-kubernetes-preserve-unknown-fields": True},
}
_REQUIREMENT: Schema = {
    "type": "object",
    "properties": {
        "key": _STRING,
        "operator": _STRING,
        "values": {"type": "array", "items": _STRING, "x-kubernetes-list-type": "atomic"},
    },
    "required": ["key", "operator"],
}
_WELL_KNOWN: Mapping[Any, Schema] = {
    ObjectMeta: {"type": "object"},
    LabelSelector: {
        "type": "object",
        "properties": {
            "matchLabels": {"type": "object", "additionalProperties": _STRING},
            "matchExpressions": {"type": "array", "items": _REQUIREMENT, "x-kubernetes-list-type": "atomic"},
        },
        "x-kubernetes-map-type": "atomic",
    },
    Condition: {
        "type": "object",
        "properties": {
            "type": _STRING,
            "status": _STRING,
            "reason": _STRING,
            "message": _STRING,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": {"type": "integer", "format": "int64"},
        },
        "required": ["status", "type"],
    },
}
_LENGTH_WORDS: Mapping[str, tuple[str, str]] = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def schema_of(annotation: Any, slots: Mapping[str, Schema] | None = None) -> Schema:
    """The structural schema of a type: a model, a scalar, a list, a map, a `Literal`, an `Annotated` of one.

    Args:
        annotation: the type.
        slots: schemas for fields that are marked with `slot`.

    Raises:
        TypeError: the type has no structural schema, or a slot is not filled.
    """
    slots = slots or {}
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return _constrained(inner, metadata, slots)
    for table in (_SCALARS, _WELL_KNOWN):
        if isinstance(annotation, type | type(Any)) and annotation in table:
            return dict(table[annotation])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model_schema(annotation, slots)
    return _generic_schema(annotation, slots)


def _generic_schema(annotation: Any, slots: Mapping[str, Schema]) -> Schema:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {**schema_of(type(arguments[0])), "enum": list(arguments)}
    if origin in (list, tuple, Sequence):
        return {"type": "array", "items": schema_of(arguments[0], slots)}
    if origin in (dict, Mapping):
        if arguments[1] is Any:
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        return {"type": "object", "additionalProperties": schema_of(arguments[1], slots)}
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if member is not type(None)]
        if set(members) == {int, str}:
            return {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
        if len(members) == 1:
            return schema_of(members[0], slots)
    raise TypeError(f"{annotation!r} has no structural schema; describe it with described_as(...)")


def _constrained(annotation: Any, metadata: Iterable[Any], slots: Mapping[str, Schema]) -> Schema:
    metadata = list(metadata)
    for marker in metadata:
        if isinstance(marker, _Described):
            return dict(marker.source) if isinstance(marker.source, Mapping) else schema_of(marker.source, slots)
        if isinstance(marker, _Slot):
            if marker.name not in slots:
                raise TypeError(f"no schema was given for slot {marker.name!r}")
            return dict(slots[marker.name])
    schema = schema_of(annotation, slots)
    for marker in metadata:
        _add(schema, marker)
    return schema


def _add(schema: Schema, marker: Any) -> None:
    if isinstance(marker, Constraint):
        for keyword, value in marker.keywords.items():
            if keyword == "x-kubernetes-validations":
                schema[keyword] = [*schema.get(keyword, ()), *value]
            elif keyword == "required":
                schema[keyword] = sorted({*schema.get(keyword, ()), *value})
            else:
                schema[keyword] = value
    elif isinstance(marker, _Without):
        schema["properties"] = {name: each for name, each in schema["properties"].items() if name not in marker.names}
    elif isinstance(marker, FieldInfo):
        for part in marker.metadata:
            _add(schema, part)
    elif isinstance(marker, Iterable):  # pydantic groups constraints: StringConstraints, Interval, Len
        for part in marker:
            _add(schema, part)
    else:
        schema.update(_pydantic_keywords(schema, marker))


def _pydantic_keywords(schema: Schema, marker: Any) -> Schema:
    shortest, longest = _LENGTH_WORDS.get(schema.get("type", ""), ("minLength", "maxLength"))
    words = {
        shortest: getattr(marker, "min_length", None),
        longest: getattr(marker, "max_length", None),
        "minimum": getattr(marker, "ge", None),
        "maximum": getattr(marker, "le", None),
        "multipleOf": getattr(marker, "multiple_of", None),
        "pattern": getattr(marker, "pattern", None),
    }
    found = {word: value for word, value in words.items() if value is not None}
    for word, bound in (("minimum", getattr(marker, "gt", None)), ("maximum", getattr(marker, "lt", None))):
        if bound is not None:
            found |= {word: bound, f"exclusive{word.capitalize()}": True}
    return found


def _model_schema(model: type[BaseModel], slots: Mapping[str, Schema]) -> Schema:
    schema: Schema = {"type": "object"}
    fields: dict[str, Schema] = {}
    required: list[str] = []
    if issubclass(model, KubeObject):
        fields = {"apiVersion": dict(_STRING), "kind": dict(_STRING)}
    for name, field in model.model_fields.items():
        wire_name = field.serialization_alias or field.alias or name
        fields[wire_name] = _field_schema(field, slots)
        if field.is_required() or REQUIRED in field.metadata:
            required.append(wire_name)
    if fields:
        schema["properties"] = fields
    if required:
        schema["required"] = sorted(required)
    for constraint in getattr(model, "constraints", ()):
        _add(schema, constraint)
    return schema


def _field_schema(field: FieldInfo, slots: Mapping[str, Schema]) -> Schema:
    schema = _constrained(field.annotation, field.metadata, slots)
    if not field.is_required() and field.default_factory is None and field.default is not None:
        default = field.default
        schema["default"] = (
            default.model_dump(mode="json", by_alias=True, exclude_none=True)
            if isinstance(default, BaseModel)
            else default
        )
    return schema


def version_of(
    kind: type[KubeObject],
    *,
    storage: bool = True,
    served: bool = True,
    deprecated: bool = False,
    slots: Mapping[str, Schema] | None = None,
) -> dict[str, Any]:
    """One entry of `spec.versions` of a CRD.

    Args:
        kind: the kind in that version.
        storage: objects are stored in this version; exactly one version says so.
        served: the API server answers for this version.
        deprecated: clients are warned.
        slots: schemas for fields that are marked with `slot`.
    """
    resource = kind.resource
    version: dict[str, Any] = {
        "name": resource.version,
        "served": served,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema_of(kind, slots)},
        "subresources": {"status": {}} if resource.status_subresource else {},
    }
    if deprecated:
        version["deprecated"] = True
    if resource.printer_columns:
        version["additionalPrinterColumns"] = [dict(column) for column in resource.printer_columns]
    if resource.selectable_fields:
        version["selectableFields"] = [{"jsonPath": path} for path in resource.selectable_fields]
    return version


def custom_resource_definition(
    kind: type[KubeObject],
    *,
    other_versions: Sequence[Mapping[str, Any]] = (),
    slots: Mapping[str, Schema] | None = None,
) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, ready to apply.

    Args:
        kind: the kind in the version that is stored.
        other_versions: further entries of `spec.versions` (see `version_of`), in order.
        slots: schemas for fields that are marked with `slot`.

    Raises:
        TypeError: a field has no structural schema.
    """
    resource = kind.resource
    names: dict[str, Any] = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.singular or resource.kind.lower(),
    }
    if resource.short_names:
        names["shortNames"] = list(resource.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.name, "annotations": {}, "labels": dict(resource.labels)},
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [version_of(kind, slots=slots), *(dict(version) for version in other_versions)],
        },
    }
