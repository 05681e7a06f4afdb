"""Defaulting and pruning by a structural schema, with the order of steps of apiextensions-apiserver.

A structural schema is the plain `openAPIV3Schema` mapping of a CustomResourceDefinition version. All functions work in
place on the caller's copy.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

__all__ = ["apply_defaults", "child_schema", "drop_nulls", "prune"]

SchemaNode = Mapping[str, Any]

_META_FIELDS = ("apiVersion", "kind", "metadata")
_EMPTY: SchemaNode = {}


def child_schema(schema: SchemaNode | None, key: str) -> SchemaNode | None:
    """The schema of one field: a named property, else `additionalProperties`, else None."""
    if schema is None:
        return None
    properties: Mapping[str, SchemaNode] = schema.get("properties") or _EMPTY
    if key in properties:
        return properties[key]
    additional = schema.get("additionalProperties")
    if additional is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return additional if isinstance(additional, Mapping) else None


def items_schema(schema: SchemaNode | None) -> SchemaNode | None:
    """The schema of the elements of a list."""
    items = schema.get("items") if schema is not None else None
    return items if isinstance(items, Mapping) else None


def _forbidden_null(value: Any, schema: SchemaNode | None) -> bool:
    return value is None and schema is not None and not schema.get("nullable", False)


def drop_nulls(value: Any, schema: SchemaNode | None) -> None:
    """Remove nulls of fields that are neither nullable nor defaulted."""
    if schema is None:
        return
    if isinstance(value, dict):
        for key in list(value):
            child = child_schema(schema, key)
            if _forbidden_null(value[key], child) and child is not None and child.get("default") is None:
                del value[key]
            else:
                drop_nulls(value[key], child)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item, items_schema(schema))


def apply_defaults(value: Any, schema: SchemaNode | None) -> None:
    """Fill `default` of absent fields and of nulls that are not allowed, outside in."""
    if schema is None:
        return
    if isinstance(value, dict):
        for key, child in (schema.get("properties") or _EMPTY).items():
            if child.get("default") is not None and (key not in value or _forbidden_null(value[key], child)):
                value[key] = copy.deepcopy(child["default"])
        for key in value:
            child = child_schema(schema, key)
            if _forbidden_null(value[key], child) and child is not None:
                value[key] = copy.deepcopy(child.get("default"))
            apply_defaults(value[key], child)
    elif isinstance(value, list):
        child = items_schema(schema)
        for index, item in enumerate(value):
            if _forbidden_null(item, child) and child is not None:
                value[index] = copy.deepcopy(child.get("default"))
            apply_defaults(value[index], child)


def prune(value: Any, schema: SchemaNode | None, *, root: bool = False, path: str = "") -> list[str]:
    """Remove fields that the schema does not name and return their paths.

    `root` keeps `apiVersion`, `kind` and `metadata`, as `x-kubernetes-embedded-resource` does below.
    """
    unknown: list[str] = []
    _prune(value, schema, root, path, unknown)
    return sorted(unknown)


def _prune(value: Any, schema: SchemaNode | None, root: bool, path: str, unknown: list[str]) -> None:
    preserve = bool(schema and schema.get("x-kubernetes-preserve-unknown-fields"))
    if isinstance(value, list):
        for index, item in enumerate(value):
            child = items_schema(schema)
            if preserve and child is None:
                continue
            _prune(item, child, False, f"{path}[{index}]", unknown)
    elif isinstance(value, dict):
        embedded = root or bool(schema and schema.get("x-kubernetes-embedded-resource"))
        for key in list(value):
            if embedded and key in _META_FIELDS:
                continue
            child_path = f"{path}.{key}" if path else key
            if _is_known(schema, key):
                _prune(value[key], child_schema(schema, key), False, child_path, unknown)
            elif not preserve:
                unknown.append(child_path)
                del value[key]


def _is_known(schema: SchemaNode | None, key: str) -> bool:
    if schema is None:
        return False
    return key in (schema.get("properties") or _EMPTY) or schema.get("additionalProperties") not in (None, False)
