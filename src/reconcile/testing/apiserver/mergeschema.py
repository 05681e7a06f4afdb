"""The schemas of the built-in kinds with their references resolved, as merging and patching need them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from reconcile.testing.apiserver.builtin_schema import builtin_schemas, resolve

__all__ = ["builtin_tree", "empty_object", "merge_schema"]

SchemaNode = Mapping[str, Any]

_HEAD = ("apiVersion", "kind", "metadata")
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_STRING: SchemaNode = {"type": "string"}


class _Expander:
    """Follows references once per named schema; a schema that contains itself becomes a cyclic mapping."""

    def __init__(self) -> None:
        self._done: dict[int, dict[str, Any]] = {}

    def expand(self, node: SchemaNode) -> SchemaNode:
        target = resolve(node)
        known = self._done.get(id(target))
        if known is None:
            known = self._done[id(target)] = {}
            known.update({key: value for key, value in target.items() if key not in ("properties", "items", "allOf")})
            if "properties" in target:
                known["properties"] = {key: self.expand(child) for key, child in target["properties"].items()}
            for key in ("items", "additionalProperties"):
                if isinstance(target.get(key), Mapping):
                    known[key] = self.expand(target[key])
        if target is node:
            return known
        extra = {key: value for key, value in node.items() if key not in ("allOf", "$ref")}
        return {**known, **extra} if extra and known.get("type") != "string" else known


@cache
def _expander() -> _Expander:
    return _Expander()


@cache
def builtin_tree(kind: str, api_version: str = "") -> SchemaNode:
    """The resolved schema of a built-in kind; one that is not known merges by the rules of its metadata alone."""
    group, _, version = api_version.rpartition("/")
    for node in builtin_schemas().values():
        for entry in node.get("x-kubernetes-group-version-kind", ()):
            if entry["kind"] == kind and (not api_version or (entry["group"], entry["version"]) == (group, version)):
                return _expander().expand(node)
    metadata = _expander().expand(builtin_schemas()[_METADATA])
    return {"type": "object", "properties": {"apiVersion": _STRING, "kind": _STRING, "metadata": metadata}}


def merge_schema(schema: SchemaNode | None, kind: str, api_version: str = "") -> SchemaNode:
    """The schema that merging goes by: a custom resource's own with the usual metadata, or that of a built-in kind."""
    if schema is None:
        return builtin_tree(kind, api_version)
    head = builtin_tree("")["properties"]
    return {**schema, "properties": {**(schema.get("properties") or {}), **{key: head[key] for key in _HEAD}}}


def empty_object(schema: SchemaNode) -> dict[str, Any]:
    """What a created object is compared with: structs that are never absent in Go are there, and empty."""
    empty: dict[str, Any] = {"metadata": {}}
    for key, child in (schema.get("properties") or {}).items():
        if child.get("default") == {} and key != "metadata":
            empty[key] = _empty_struct(child)
    return empty


def _empty_struct(schema: SchemaNode) -> dict[str, Any]:
    children = (schema.get("properties") or {}).items()
    return {key: _empty_struct(child) for key, child in children if child.get("default") == {}}
