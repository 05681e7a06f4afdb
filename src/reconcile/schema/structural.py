"""Structural schemas from types: models, scalars, lists, maps, `Literal`."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reconcile.api.meta_v1 import Condition, LabelSelector, ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.schema.constraints import REQUIRED, Constraint, Described, Slot, Without

__all__ = ["Schema", "schema_of"]

Schema = dict[str, Any]
"""A JSON schema as the API server takes it: structural, without references."""


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
        if isinstance(marker, Described):
            return dict(marker.source) if isinstance(marker.source, Mapping) else schema_of(marker.source, slots)
        if isinstance(marker, Slot):
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
    elif isinstance(marker, Without):
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
    if field.description:
        schema["description"] = field.description
    if not field.is_required() and field.default_factory is None and field.default is not None:
        default = field.default
        schema["default"] = (
            default.model_dump(mode="json", by_alias=True, exclude_none=True)
            if isinstance(default, BaseModel)
            else default
        )
    return schema
