"""Schemas of the built-in kinds: unknown fields dropped and named, types checked, defaults filled in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from reconcile.testing.apiserver.status import bad_request
from reconcile.testing.apiserver.storage import decode

__all__ = ["builtin_schemas", "coerce", "fill_defaults", "resolve", "schema_of"]

Node = Mapping[str, Any]

_REF = "#/components/schemas/"
_GO_TYPES = {
    "string": "string",
    "integer": "int32",
    "boolean": "bool",
    "array": "[]",
    "object": "map",
    "number": "float64",
}


@cache
def builtin_schemas() -> Mapping[str, Node]:
    """Every schema by name. Source: the OpenAPI v3 documents of kube-apiserver 1.36, without their descriptions."""
    data = resources.files("reconcile.testing.apiserver").joinpath("data/builtin_schemas.json").read_bytes()
    schemas: Mapping[str, Node] = decode(data)
    return schemas


@cache
def _names() -> Mapping[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for name, node in builtin_schemas().items():
        for entry in node.get("x-kubernetes-group-version-kind", ()):
            found.setdefault((entry["group"], entry["version"], entry["kind"]), name)
    return found


def schema_of(group: str, version: str, kind: str) -> Node | None:
    """The schema of a kind, None for kinds that are not built in."""
    name = _names().get((group, version, kind))
    return builtin_schemas()[name] if name else None


def resolve(node: Node) -> Node:
    """The schema itself where `node` refers to one."""
    reference = node.get("$ref")
    if not isinstance(reference, str):
        parts = node.get("allOf")
        if not parts or "$ref" not in parts[0]:
            return node
        reference = parts[0]["$ref"]
    return builtin_schemas()[reference.removeprefix(_REF)]


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


def _mismatch(kind: str, path: str, value: Any, wanted: str, node: Node) -> Exception:
    go_type = node.get("format") if wanted == "integer" else _GO_TYPES.get(wanted, wanted)
    field = f"Go struct field {kind}.{path}" if path else "Go value"
    return bad_request(
        f"{kind} cannot be handled as a {kind}: json: cannot unmarshal {_json_type(value)} into {field} of type {go_type}"
    )


_PYTHON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "array": list,
    "object": dict,
}


def _has_type(value: Any, wanted: str) -> bool:
    if wanted == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    if wanted == "number" and isinstance(value, bool):
        return False
    return isinstance(value, _PYTHON_TYPES[wanted])


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _coerce_object(value: dict[str, Any], node: Node, path: str, kind: str, unknown: list[str]) -> dict[str, Any]:
    properties = node.get("properties")
    if properties is not None:
        result: dict[str, Any] = {}
        for key, item in value.items():
            if key not in properties:
                unknown.append(_join(path, key))
            elif item is not None:
                result[key] = coerce(item, properties[key], _join(path, key), kind, unknown)
        return result
    additional = node.get("additionalProperties")
    if isinstance(additional, Mapping):
        # A null in a map of strings or bytes is the zero value in Go.
        empty = "" if resolve(additional).get("type") == "string" else None
        return {
            key: coerce(empty if item is None else item, additional, _join(path, key), kind, unknown)
            for key, item in value.items()
        }
    return value


def coerce(value: Any, node: Node, path: str, kind: str, unknown: list[str]) -> Any:
    """`value` as decoding into the Go type would leave it.

    Args:
        value: what the client sent.
        node: its schema.
        path: dotted path, for messages.
        kind: the object's kind, for messages.
        unknown: receives the paths of fields that the kind does not have.

    Raises:
        StatusError: 400, when a value has a type the field cannot hold.
    """
    node = resolve(node)
    wanted = node.get("type")
    if wanted is None or value is None:
        return value
    if not _has_type(value, wanted):
        raise _mismatch(kind, path, value, wanted, node)
    if wanted == "object":
        return _coerce_object(value, node, path, kind, unknown)
    if wanted == "array":
        items = node.get("items") or {}
        return [coerce(item, items, f"{path}[{index}]", kind, unknown) for index, item in enumerate(value)]
    if node.get("format") == "byte":
        _check_base64(value, kind)
    return int(value) if wanted == "integer" else value


def _check_base64(value: str, kind: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as err:
        valid = len(value) - len(value.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
        raise bad_request(f"{kind} cannot be handled as a {kind}: illegal base64 data at input byte {valid}") from err


def fill_defaults(value: Any, node: Node) -> None:
    """Set the defaults that the schema declares and that are not Go's zero values, in place."""
    node = resolve(node)
    if isinstance(value, list):
        items = node.get("items")
        if items:
            for item in value:
                fill_defaults(item, items)
        return
    if not isinstance(value, dict):
        return
    properties = node.get("properties") or {}
    additional = node.get("additionalProperties")
    for key, child in properties.items():
        if key not in value and child.get("default"):
            value[key] = child["default"]
    for key, item in value.items():
        child = properties.get(key) or (additional if isinstance(additional, Mapping) else None)
        if child is not None and isinstance(item, (dict, list)):
            fill_defaults(item, child)
