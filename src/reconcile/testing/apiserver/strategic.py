"""Strategic merge patch: lists of built-in kinds merge by key, with the directives `$patch`, `$retainKeys` and friends."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from reconcile.testing.apiserver.mergeschema import builtin_tree
from reconcile.testing.apiserver.structural import child_schema, items_schema

__all__ = ["PatchError", "strategic_merge_patch"]

SchemaNode = Mapping[str, Any]

_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_SET_ORDER = "$setElementOrder/"
_DIRECTIVES = ("$patch", "$retainKeys")


class PatchError(ValueError):
    """A patch that is malformed or cannot be applied.

    Attributes:
        status: the HTTP status code of the answer.
    """

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


def strategic_merge_patch(
    target: Mapping[str, Any], patch: Mapping[str, Any], kind: str, api_version: str = ""
) -> dict[str, Any]:
    """`target`, an object of the built-in `kind`, after the patch.

    Raises:
        PatchError: a directive is unknown, or an element of a keyed list has no merge key.
    """
    return _merge_object(
        copy.deepcopy(dict(target)),
        copy.deepcopy(dict(patch)),
        builtin_tree(kind, api_version or str(target.get("apiVersion", ""))),
    )


def _merge_object(target: dict[str, Any], patch: dict[str, Any], schema: SchemaNode | None) -> dict[str, Any]:
    directive = patch.pop("$patch", "merge")
    if directive == "replace":
        return _without_directives(patch)
    if directive == "delete":
        return {}
    if directive != "merge":
        raise PatchError(f"unknown patch directive: {directive}", status=400)
    retain = patch.pop("$retainKeys", None)
    if retain is not None:
        target = {key: value for key, value in target.items() if key in retain}
    orders = {key.removeprefix(_SET_ORDER): patch.pop(key) for key in list(patch) if key.startswith(_SET_ORDER)}
    for key in [key for key in patch if key.startswith(_DELETE_PRIMITIVES)]:
        removed = patch.pop(key)
        name = key.removeprefix(_DELETE_PRIMITIVES)
        if name in target:
            target[name] = [item for item in target[name] if item not in removed]
    for key, value in patch.items():
        _merge_field(target, key, value, child_schema(schema, key))
    for key, order in orders.items():
        _reorder(target, key, order, child_schema(schema, key))
    return target


def _merge_field(target: dict[str, Any], key: str, value: Any, schema: SchemaNode | None) -> None:
    if value is None:
        target.pop(key, None)
    elif isinstance(value, dict):
        current = target.get(key)
        if value.get("$patch") == "delete":
            target.pop(key, None)
        else:
            target[key] = _merge_object(current if isinstance(current, dict) else {}, value, schema)
    elif isinstance(value, list):
        target[key] = _merge_list(target.get(key), value, schema)
    else:
        target[key] = value


def _merge_list(current: Any, patch: list[Any], schema: SchemaNode | None) -> list[Any]:
    existing: list[Any] = current if isinstance(current, list) else []
    merge_key = schema.get("x-kubernetes-patch-merge-key") if schema is not None else None
    if schema is not None and not merge_key and "merge" in schema.get("x-kubernetes-patch-strategy", ""):
        return existing + [item for item in dict.fromkeys(patch) if item not in existing]
    if not merge_key:
        return [_without_directives(item) if isinstance(item, dict) else item for item in patch]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    result = list(existing)
    for item in patch:
        _merge_item(result, item, merge_key, items_schema(schema))
    return result


def _merge_item(result: list[Any], item: Any, merge_key: str, schema: SchemaNode | None) -> None:
    if not isinstance(item, dict) or merge_key not in item:
        raise PatchError(f"map: {item!r} does not contain declared merge key: {merge_key}")
    position = next((i for i, e in enumerate(result) if e.get(merge_key) == item[merge_key]), None)
    if item.get("$patch") == "delete":
        result[:] = [e for e in result if e.get(merge_key) != item[merge_key]]
    elif position is None:
        result.append(_merge_object({}, item, schema))
    else:
        result[position] = _merge_object(result[position], item, schema)


def _reorder(target: dict[str, Any], key: str, order: list[Any], schema: SchemaNode | None) -> None:
    items = target.get(key)
    if not isinstance(items, list):
        return
    merge_key = schema.get("x-kubernetes-patch-merge-key") if schema is not None else None
    wanted = [entry.get(merge_key) if isinstance(entry, dict) else entry for entry in order]

    def rank(item: Any) -> int:
        token = item.get(merge_key) if isinstance(item, dict) else item
        return wanted.index(token) if token in wanted else len(wanted)

    target[key] = sorted(items, key=rank)


def _without_directives(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in _DIRECTIVES and not key.startswith(_SET_ORDER)}
