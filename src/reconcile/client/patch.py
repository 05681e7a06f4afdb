"""Patches: the three forms that the API server takes, and the differences they are made of."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["JsonPatch", "MergePatch", "Patch", "StrategicMergePatch", "json_patch", "merge_diff", "merge_patch"]


@dataclass(frozen=True, slots=True)
class MergePatch:
    """RFC 7386: a value replaces, null removes, lists are replaced whole.

    With `metadata.resourceVersion` inside it is refused (ConflictError) when the object has changed since.
    The body stays out of the repr because it may hold secrets.
    """

    body: Mapping[str, Any] = field(repr=False)

    content_type = "application/merge-patch+json"

    def encode(self) -> bytes:
        """The request body."""
        return msgspec.json.encode(self.body)


@dataclass(frozen=True, slots=True)
class StrategicMergePatch:
    """Kubernetes' merge patch that knows the keys of lists; built-in kinds only, custom resources answer 415."""

    body: Mapping[str, Any] = field(repr=False)

    content_type = "application/strategic-merge-patch+json"

    def encode(self) -> bytes:
        """The request body."""
        return msgspec.json.encode(self.body)


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """RFC 6902: a list of operations; a failing `test` operation refuses the whole patch (InvalidError)."""

    operations: Sequence[Mapping[str, Any]] = field(repr=False)

    content_type = "application/json-patch+json"

    def encode(self) -> bytes:
        """The request body."""
        return msgspec.json.encode(self.operations)


Patch = MergePatch | StrategicMergePatch | JsonPatch


def merge_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The RFC 7386 patch that turns `old` into `new`; empty when they are equal.

    A null in `new` counts as absent, as it does at the API server.
    """
    diff: dict[str, Any] = {}
    for key, value in new.items():
        before = old.get(key)
        if value is None:
            if before is not None:
                diff[key] = None
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = merge_diff(before, value)
            if inner:
                diff[key] = inner
        elif key not in old or not _same(before, value):
            diff[key] = _without_nulls(value)
    diff.update({key: None for key, value in old.items() if key not in new and value is not None})
    return diff


def _same(left: Any, right: Any) -> bool:
    # JSON knows booleans from numbers, Python's == does not.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(_same(one, other) for one, other in zip(left, right, strict=True))
    return bool(left == right)


def _without_nulls(value: Any) -> Any:
    # Inside a merge patch a null means removal; what is being added must not hold one.
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def merge_patch(target: Any, patch: Any) -> Any:
    """What RFC 7386 makes of `target`; neither argument is changed."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(old: Any, new: Any, path: str = "") -> list[dict[str, Any]]:
    """The RFC 6902 operations that turn `old` into `new`; lists that differ are replaced whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        operations: list[dict[str, Any]] = []
        for key in old:
            if key not in new:
                operations.append({"op": "remove", "path": f"{path}/{_escape(key)}"})
        for key, value in new.items():
            where = f"{path}/{_escape(key)}"
            if key not in old:
                operations.append({"op": "add", "path": where, "value": value})
            else:
                operations.extend(json_patch(old[key], value, where))
        return operations
    return [] if _same(old, new) else [{"op": "replace", "path": path, "value": new}]


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
