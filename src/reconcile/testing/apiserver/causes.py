"""The causes of a 422 answer, worded as kube-apiserver words them.

A cause is `{"field", "reason", "message"}`, the element of `Status.details.causes`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "NO_FIELD",
    "Cause",
    "duplicate",
    "forbidden",
    "go_value",
    "invalid",
    "invalid_message",
    "is_blocking",
    "not_supported",
    "required",
    "too_long",
    "too_many",
    "type_invalid",
]

Cause = dict[str, str]

NO_FIELD = "<nil>"
"""How Go prints the path of an error that belongs to no field."""

_BLOCKING = frozenset(
    {"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
)


def go_value(value: Any) -> str:
    """`value` as Go prints it in a field error: strings quoted, structures as JSON with sorted keys."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _cause(field: str, reason: str, message: str, detail: str) -> Cause:
    return {"reason": reason, "message": f"{message}: {detail}" if detail else message, "field": field}


def invalid(field: str, value: Any, detail: str) -> Cause:
    """`Invalid value: <value>: <detail>`."""
    return _cause(field, "FieldValueInvalid", f"Invalid value: {go_value(value)}", detail)


def type_invalid(field: str, value: Any, detail: str) -> Cause:
    """As `invalid`, with the reason of a value whose type is wrong."""
    return _cause(field, "FieldValueTypeInvalid", f"Invalid value: {go_value(value)}", detail)


def required(field: str, detail: str = "") -> Cause:
    """`Required value[: <detail>]`."""
    return _cause(field, "FieldValueRequired", "Required value", detail)


def forbidden(field: str, detail: str) -> Cause:
    """`Forbidden: <detail>`."""
    return _cause(field, "FieldValueForbidden", "Forbidden", detail)


def duplicate(field: str, value: Any) -> Cause:
    """`Duplicate value: <value>`."""
    return _cause(field, "FieldValueDuplicate", f"Duplicate value: {go_value(value)}", "")


def not_supported(field: str, value: Any, supported: Sequence[Any]) -> Cause:
    """`Unsupported value: <value>: supported values: "A", "B"`."""
    names = ", ".join(go_value(v if isinstance(v, str) else go_value(v)) for v in supported)
    return _cause(
        field, "FieldValueNotSupported", f"Unsupported value: {go_value(value)}", f"supported values: {names}"
    )


def too_long(field: str, limit: int) -> Cause:
    """`Too long: may not be more than <limit> bytes`."""
    return _cause(field, "FieldValueTooLong", "Too long", f"may not be more than {limit} bytes")


def too_many(field: str, actual: int, limit: int) -> Cause:
    """`Too many: <actual>: must have at most <limit> items`, with one item in the singular."""
    items = "item" if limit == 1 else "items"
    return _cause(field, "FieldValueTooMany", f"Too many: {actual}", f"must have at most {limit} {items}")


def is_blocking(cause: Cause) -> bool:
    """Whether CEL rules are not evaluated for an object with this cause."""
    return cause["reason"] in _BLOCKING


def invalid_message(kind: str, group: str, name: str, causes: Iterable[Cause]) -> str:
    """The `message` of the Status: `Kind.group "name" is invalid: ...`, brackets around more than one cause."""
    lines = list(dict.fromkeys(f"{cause['field']}: {cause['message']}" for cause in causes))
    detail = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    return f'{kind}{"." + group if group else ""} "{name}" is invalid: {detail}'
