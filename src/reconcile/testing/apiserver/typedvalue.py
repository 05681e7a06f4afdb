"""Values seen through a schema, as structured-merge-diff sees them: field sets, comparison, merge and removal.

A list is associative (`x-kubernetes-list-type` map or set) or atomic; an object is granular unless its
`x-kubernetes-map-type` is atomic.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile.testing.apiserver.fieldset import Path, keyed, value_element
from reconcile.testing.apiserver.structural import child_schema, items_schema

__all__ = ["Comparison", "UndeclaredFieldError", "compare", "field_set", "merge", "remove", "undeclared_field"]

SchemaNode = Mapping[str, Any]

_OPEN: SchemaNode = {"x-kubernetes-preserve-unknown-fields": True}


class UndeclaredFieldError(ValueError):
    """An applied object has a field that its schema does not declare."""


@dataclass
class Comparison:
    """Paths that differ between two values."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def _is_granular(value: Any, schema: SchemaNode | None) -> bool:
    return isinstance(value, dict) and not (schema and schema.get("x-kubernetes-map-type") == "atomic")


def _is_associative(value: Any, schema: SchemaNode | None) -> bool:
    return isinstance(value, list) and bool(schema and schema.get("x-kubernetes-list-type") in ("map", "set"))


def _element(item: Any, schema: SchemaNode) -> str:
    if schema.get("x-kubernetes-list-type") == "set":
        return value_element(item)
    properties = (items_schema(schema) or {}).get("properties", {})
    keys: dict[str, Any] = {}
    for name in schema.get("x-kubernetes-list-map-keys", ()):
        value = item.get(name, properties.get(name, {}).get("default")) if isinstance(item, dict) else None
        if value is not None:
            keys[name] = value
    return keyed(keys)


def _children(value: Any, schema: SchemaNode | None) -> Iterator[tuple[str, Any, SchemaNode | None]]:
    """(path element, value, schema) of everything below a granular object or an associative list."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"f:{key}", item, child_schema(schema, key)
    else:
        assert schema is not None
        for item in value:
            yield _element(item, schema), item, items_schema(schema)


def _is_declared(schema: SchemaNode | None, element: str) -> bool:
    return bool(schema and element[2:] in (schema.get("properties") or {}))


def field_set(value: Any, schema: SchemaNode | None, path: Path = ()) -> set[Path]:
    """Paths that an applier of `value` owns: leaves, items of associative lists, and keys of free-form objects."""
    members: set[Path] = set()
    listed = _is_associative(value, schema)
    if not listed and not _is_granular(value, schema):
        return {path}
    for element, item, child in _children(value, schema):
        below = (*path, element)
        members |= field_set(item, child, below)
        if listed or item is None or item == {} or not _is_declared(schema, element):
            members.add(below)
    return members


def compare(old: Any, new: Any, schema: SchemaNode | None) -> Comparison:
    """What was added, modified and removed between two objects."""
    result = Comparison()
    _compare(old, new, schema, (), result)
    return result


def _compare(old: Any, new: Any, schema: SchemaNode | None, path: Path, result: Comparison) -> None:
    same_shape = (_is_granular(old, schema) and _is_granular(new, schema)) or (
        _is_associative(old, schema) and _is_associative(new, schema)
    )
    if not same_shape:
        if old != new or isinstance(old, bool) != isinstance(new, bool):
            result.modified.add(path)
            _note_below(old, schema, path, result.removed)
            _note_below(new, schema, path, result.added)
        return
    before = {element: (item, child) for element, item, child in _children(old, schema)}
    after = {element: (item, child) for element, item, child in _children(new, schema)}
    for element, (item, child) in after.items():
        below = (*path, element)
        if element in before:
            _compare(before[element][0], item, child, below, result)
        else:
            result.added.add(below)
            _note_below(item, child, below, result.added)
    for element in before.keys() - after.keys():
        below = (*path, element)
        result.removed.add(below)
        _note_below(before[element][0], before[element][1], below, result.removed)


def _note_below(value: Any, schema: SchemaNode | None, path: Path, members: set[Path]) -> None:
    if not (_is_associative(value, schema) or _is_granular(value, schema)):
        return
    for element, item, child in _children(value, schema):
        members.add((*path, element))
        _note_below(item, child, (*path, element), members)


def merge(live: Any, applied: Any, schema: SchemaNode | None) -> Any:
    """`live` with everything that `applied` says: objects and associative lists merge, the rest is replaced."""
    if _is_granular(live, schema) and _is_granular(applied, schema):
        result = dict(live)
        for key, item in applied.items():
            result[key] = merge(live[key], item, child_schema(schema, key)) if key in live else copy.deepcopy(item)
        return result
    if _is_associative(live, schema) and _is_associative(applied, schema) and schema is not None:
        return _merge_items(live, applied, schema)
    return copy.deepcopy(applied)


def _merge_items(live: list[Any], applied: list[Any], schema: SchemaNode) -> list[Any]:
    """The order of `applied` wins; items that only `live` has stay in front of what followed them."""
    current = {_element(item, schema): item for item in live}
    wanted = {_element(item, schema): item for item in applied}
    result: list[Any] = []
    pending = list(current)
    for element, item in wanted.items():
        while pending and pending[0] not in wanted:
            result.append(current[pending.pop(0)])
        if element in current:
            if element in pending:
                pending.remove(element)
            result.append(merge(current[element], item, items_schema(schema)))
        else:
            result.append(copy.deepcopy(item))
    return result + [current[element] for element in pending if element not in wanted]


def remove(value: Any, schema: SchemaNode | None, paths: set[Path], path: Path = ()) -> Any:
    """`value` without the items at `paths`; an associative list that becomes empty goes away with its field."""
    if not (_is_associative(value, schema) or _is_granular(value, schema)):
        return value
    kept = [
        (element, remove(item, child, paths, (*path, element)), item)
        for element, item, child in _children(value, schema)
        if (*path, element) not in paths
    ]
    if isinstance(value, dict):
        return {element[2:]: item for element, item, was in kept if not (item == [] and was != [])}
    return [item for _, item, _ in kept]


def undeclared_field(value: Any, schema: SchemaNode | None, path: str = "") -> str | None:
    """The path of the first field that the schema does not declare, or None; free-form objects declare everything."""
    if schema is None:
        return None
    if isinstance(value, dict):
        free = "properties" not in schema and "additionalProperties" not in schema
        if free or schema.get("x-kubernetes-preserve-unknown-fields"):
            return None
        embedded = schema.get("x-kubernetes-embedded-resource")
        for key, item in value.items():
            if not path and key == "metadata":
                continue
            child = child_schema(schema, key)
            known = child is not None or (embedded and key in ("apiVersion", "kind", "metadata"))
            if not known and not (not path and key in ("apiVersion", "kind")):
                return f"{path}.{key}"
            found = undeclared_field(item, child, f"{path}.{key}")
            if found:
                return found
    elif isinstance(value, list):
        found_below = (undeclared_field(item, items_schema(schema), f"{path}[{i}]") for i, item in enumerate(value))
        return next((found for found in found_below if found), None)
    return None
