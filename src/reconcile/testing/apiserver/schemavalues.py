"""Validation of a value against a structural schema, with the texts of kube-openapi as the API server reports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import re2

from reconcile.testing.apiserver.causes import (
    NO_FIELD,
    Cause,
    duplicate,
    go_value,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from reconcile.testing.apiserver.formats import FORMATS
from reconcile.testing.apiserver.structural import child_schema, items_schema

__all__ = ["validate_lists", "validate_value"]

SchemaNode = Mapping[str, Any]

_INT_RANGE = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "integer" if isinstance(value, int) else "number"
    return "array" if isinstance(value, list) else "object"


def _expected_types(schema: SchemaNode) -> tuple[str, ...]:
    if schema.get("x-kubernetes-int-or-string"):
        return ("integer", "string")
    declared = schema.get("type")
    return (declared,) if declared else ()


def _has_type(value: Any, expected: Sequence[str]) -> bool:
    actual = _json_type(value)
    if actual == "integer" and "number" in expected:
        return True
    if isinstance(value, float) and value.is_integer() and "integer" in expected:
        return True
    return actual in expected


def validate_value(value: Any, schema: SchemaNode, path: str = "") -> list[Cause]:
    """Every cause why `value` does not fit `schema`; `path` is the field path of `value`, empty at the root."""
    causes: list[Cause] = []
    expected = _expected_types(schema)
    if value is None:
        if expected and not schema.get("nullable", False):
            causes.append(_wrong_type(path, expected, value))
        return causes + _check_enum(value, schema, path)
    if expected and not _has_type(value, expected):
        causes.append(_wrong_type(path, expected, value))
    causes += _check_compositions(value, schema, path)
    if isinstance(value, str):
        causes += _check_string(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        causes += _check_number(value, schema, path)
    elif isinstance(value, list):
        causes += _check_list(value, schema, path)
    causes += _check_enum(value, schema, path)
    if isinstance(value, dict):
        causes += _check_object(value, schema, path)
    return causes


def _wrong_type(path: str, expected: Sequence[str], value: Any) -> Cause:
    actual = _json_type(value)
    return type_invalid(path, actual, f'{path} in body must be of type {",".join(expected)}: "{actual}"')


def _check_enum(value: Any, schema: SchemaNode, path: str) -> list[Cause]:
    allowed = schema.get("enum")
    if not allowed or any(_equal(value, candidate) for candidate in allowed):
        return []
    return [not_supported(path, value, allowed)]


def _equal(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _check_string(value: str, schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        causes.append(too_long(path, schema["maxLength"]))
    elif len(value) < schema.get("minLength", 0):
        causes.append(invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long"))
    elif schema.get("pattern") and re2.search(schema["pattern"], value) is None:
        causes.append(invalid(path, value, f"{path} in body should match '{schema['pattern']}'"))
    check = FORMATS.get(schema.get("format", ""))
    if check is not None and not check(value):
        detail = f"{path} in body must be of type {schema['format']}: {go_value(value)}"
        causes.append(type_invalid(path, value, detail))
    return causes


def _check_number(value: float, schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if schema.get("type") == "integer":
        name = schema.get("format", "")
        low, high = _INT_RANGE.get(name, _INT_RANGE["int64"])
        if not (float(value).is_integer() and low <= value <= high):
            kind = f"with format {name}" if name in _INT_RANGE else "(default format)"
            causes.append(invalid(NO_FIELD, "", f"Checked value must be of type integer {kind} in {path}"))
    factor = schema.get("multipleOf")
    if factor and (value / factor) % 1 != 0:
        causes.append(invalid(path, value, f"{path} in body should be a multiple of {go_value(factor)}"))
    bounds: tuple[tuple[str, str, str, Callable[[float, float], bool]], ...] = (
        ("minimum", "exclusiveMinimum", "greater", lambda x, limit: x > limit),
        ("maximum", "exclusiveMaximum", "less", lambda x, limit: x < limit),
    )
    for key, exclusive_key, word, inside in bounds:
        limit = schema.get(key)
        if limit is None:
            continue
        exclusive = schema.get(exclusive_key, False)
        if not inside(value, limit) and (exclusive or value != limit):
            comparison = f"{word} than" if exclusive else f"{word} than or equal to"
            causes.append(invalid(path, value, f"{path} in body should be {comparison} {go_value(limit)}"))
    return causes


def _check_list(value: list[Any], schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    child = items_schema(schema)
    if child is not None:
        for index, item in enumerate(value):
            causes += validate_value(item, child, f"{path}[{index}]")
    size = len(value)
    if size < schema.get("minItems", 0):
        causes.append(invalid(path, size, f"{path} in body should have at least {schema['minItems']} items"))
    if "maxItems" in schema and size > schema["maxItems"]:
        causes.append(too_many(path, size, schema["maxItems"]))
    if schema.get("uniqueItems") and _first_duplicate(value) is not None:
        causes.append(invalid(path, "", f"{path} in body shouldn't contain duplicates"))
    return causes


def _check_object(value: dict[str, Any], schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    size = len(value)
    if size < schema.get("minProperties", 0):
        causes.append(invalid(path, size, f"{path} in body should have at least {schema['minProperties']} properties"))
    if "maxProperties" in schema and size > schema["maxProperties"]:
        causes.append(too_many(path, size, schema["maxProperties"]))
    for key in value:
        child = child_schema(schema, key)
        if child is not None:
            causes += validate_value(value[key], child, f"{path}.{key}" if path else key)
        elif schema.get("additionalProperties") is False:
            causes.append(invalid(f"{path}.{key}", "", f"{path}.{key} in body is a forbidden property"))
    causes += [required(f"{path}.{key}" if path else key) for key in schema.get("required", ()) if key not in value]
    return causes


def _check_compositions(value: Any, schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    any_of = [validate_value(value, option, path) for option in schema.get("anyOf", ())]
    if any_of and all(any_of):
        causes.append(invalid(NO_FIELD, "", f'"{path}" must validate at least one schema (anyOf)'))
        causes += _closest(any_of)
    one_of = [validate_value(value, option, path) for option in schema.get("oneOf", ())]
    valid = sum(not found for found in one_of)
    if one_of and valid != 1:
        found = "Found none valid" if valid == 0 else f"Found {valid} valid alternatives"
        causes.append(invalid(NO_FIELD, "", f'"{path}" must validate one and only one schema (oneOf). {found}'))
        causes += _closest(one_of) if valid == 0 else []
    all_of = [validate_value(value, option, path) for option in schema.get("allOf", ())]
    if any(all_of):
        causes += [cause for found in all_of for cause in found]
        none = ". None validated" if all(all_of) else ""
        causes.append(invalid(NO_FIELD, "", f'"{path}" must validate all the schemas (allOf){none}'))
    if "not" in schema and not validate_value(value, schema["not"], path):
        causes.append(invalid(NO_FIELD, "", f'"{path}" must not validate the schema (not)'))
    return causes


def _closest(options: list[list[Cause]]) -> list[Cause]:
    """What is wrong under the alternative that fits best."""
    return min(options, key=len)


def _first_duplicate(items: Sequence[Any]) -> int | None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        token = go_value(item)
        if token in seen:
            return index
        seen.add(token)
    return None


def validate_lists(value: Any, schema: SchemaNode | None, path: str = "") -> list[Cause]:
    """Duplicates in lists of type `set` and `map`."""
    causes: list[Cause] = []
    if schema is None:
        return causes
    if isinstance(value, dict):
        for key, item in value.items():
            causes += validate_lists(item, child_schema(schema, key), f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        causes += _list_duplicates(value, schema, path)
        for index, item in enumerate(value):
            causes += validate_lists(item, items_schema(schema), f"{path}[{index}]")
    return causes


def _list_duplicates(items: list[Any], schema: SchemaNode, path: str) -> list[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return []
    names: Sequence[str] = schema.get("x-kubernetes-list-map-keys", ())
    defaults = (items_schema(schema) or {}).get("properties", {})
    seen: set[str] = set()
    reported: set[str] = set()
    causes: list[Cause] = []
    for index, item in enumerate(items):
        key = item
        if kind == "map":
            key = {n: item.get(n, defaults.get(n, {}).get("default")) for n in names} if isinstance(item, dict) else {}
            key = {n: v for n, v in key.items() if v is not None}
        token = go_value(key)
        if token in seen and token not in reported:
            reported.add(token)
            causes.append(duplicate(f"{path}[{index}]", key))
        seen.add(token)
    return causes
