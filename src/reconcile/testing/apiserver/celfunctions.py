"""Kubernetes' extension functions for CEL, on the value types of cel-python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import re2
from celpy import celtypes

from reconcile.testing.apiserver.formats import FORMATS

__all__ = ["FUNCTIONS", "OptionalValue"]

Value = Any


class OptionalValue:
    """CEL's optional: the old value of a rule with `optionalOldSelf`."""

    def __init__(self, value: Value = None, *, present: bool) -> None:
        self.value = value
        self.present = present


def _has_value(optional: OptionalValue) -> Value:
    return celtypes.BoolType(optional.present)


def _value(optional: OptionalValue) -> Value:
    if not optional.present:
        raise ValueError("optional.none() dereference")
    return optional.value


def _or_value(optional: OptionalValue, default: Value) -> Value:
    return optional.value if optional.present else default


def _text(value: str) -> Value:
    return celtypes.StringType(value)


def _int(value: int) -> Value:
    return celtypes.IntType(value)


def _bool(value: object) -> Value:
    return celtypes.BoolType(bool(value))


def _replace(text: str, old: str, new: str, limit: int = -1) -> Value:
    return _text(text.replace(old, new, int(limit)))


def _split(text: str, separator: str, limit: int = -1) -> Value:
    if limit == 0:
        return celtypes.ListType([])
    if separator == "":
        parts = list(text)
        if limit > 0:
            parts = [*parts[: limit - 1], "".join(parts[limit - 1 :])]
    else:
        parts = text.split(separator, -1 if limit < 0 else int(limit) - 1)
    return celtypes.ListType([_text(part) for part in parts])


def _substring(text: str, start: int, end: int | None = None) -> Value:
    stop = len(text) if end is None else int(end)
    if not 0 <= start <= stop <= len(text):
        raise ValueError(f"index out of range: {start}")
    return _text(text[start:stop])


def _char_at(text: str, index: int) -> Value:
    if not 0 <= index <= len(text):
        raise ValueError(f"index out of range: {index}")
    return _text(text[index : index + 1])


def _index_of(sequence: Value, item: Value, start: int = 0) -> Value:
    if isinstance(sequence, str):
        return _int(sequence.find(item, int(start)))
    return _int(next((i for i, e in enumerate(sequence) if e == item), -1))


def _last_index_of(sequence: Value, item: Value, end: int | None = None) -> Value:
    if isinstance(sequence, str):
        return _int(sequence.rfind(item) if end is None else sequence.rfind(item, 0, int(end) + len(item)))
    return _int(max((i for i, e in enumerate(sequence) if e == item), default=-1))


def _join(parts: Value, separator: str = "") -> Value:
    return _text(str(separator).join(str(part) for part in parts))


def _is_sorted(items: Value) -> Value:
    return _bool(all(not items[i + 1] < items[i] for i in range(len(items) - 1)))


def _sum(items: Value) -> Value:
    total = items[0] if items else _int(0)
    for item in items[1:]:
        total = total + item
    return total


def _extreme(pick: Callable[..., Value], name: str) -> Callable[[Value], Value]:
    def function(items: Value) -> Value:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return pick(items)

    return function


def _find(text: str, pattern: str) -> Value:
    match = re2.search(pattern, text)
    return _text(match.group(0) if match else "")


def _find_all(text: str, pattern: str, limit: int = -1) -> Value:
    found = [_text(match.group(0)) for match in re2.finditer(pattern, text)]
    return celtypes.ListType(found if limit < 0 else found[: int(limit)])


def _matches(text: str, pattern: str) -> Value:
    return _bool(re2.search(pattern, text) is not None)


def _is_url(text: str) -> Value:
    try:
        parts = urlsplit(text)
    except ValueError:
        return _bool(False)
    return _bool((parts.scheme and (parts.netloc or parts.path)) or text.startswith("/"))


def _is_ip(text: str) -> Value:
    return _bool(FORMATS["ipv4"](text) or FORMATS["ipv6"](text))


def _is_cidr(text: str) -> Value:
    return _bool(FORMATS["cidr"](text))


def _contains(container: Value, item: Value) -> Value:
    """`string.contains(part)`, and `sets.contains(list, sublist)` which arrives here under the same name."""
    if isinstance(container, str):
        return _bool(item in container)
    return _bool(all(element in container for element in item))


def _reverse(value: Value) -> Value:
    return _text(value[::-1]) if isinstance(value, str) else celtypes.ListType(value[::-1])


def _equivalent(left: Value, right: Value) -> Value:
    return _bool(all(e in right for e in left) and all(e in left for e in right))


def _intersects(left: Value, right: Value) -> Value:
    return _bool(any(element in right for element in left))


FUNCTIONS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "charAt": _char_at,
        "contains": _contains,
        "equivalent": _equivalent,
        "find": _find,
        "findAll": _find_all,
        "hasValue": _has_value,
        "indexOf": _index_of,
        "intersects": _intersects,
        "isCIDR": _is_cidr,
        "isIP": _is_ip,
        "isSorted": _is_sorted,
        "isURL": _is_url,
        "join": _join,
        "lastIndexOf": _last_index_of,
        "lowerAscii": lambda text: _text(text.lower()),
        "matches": _matches,
        "max": _extreme(max, "max"),
        "min": _extreme(min, "min"),
        "orValue": _or_value,
        "replace": _replace,
        "reverse": _reverse,
        "split": _split,
        "substring": _substring,
        "sum": _sum,
        "trim": lambda text: _text(text.strip()),
        "upperAscii": lambda text: _text(text.upper()),
        "value": _value,
    }
)
"""Name to function; the object of a method call is the first argument."""
