"""Go's `reflect.DeepEqual` and sprig's idea of an empty value."""

from __future__ import annotations

import math

from eso.template.gotext.values import GoObject, Value, is_nil, type_of

__all__ = ["deep_equal", "empty"]


def _equal_lists(left: list[Value], right: list[Value]) -> bool:
    if left is right:
        return True
    return (
        is_nil(left) == is_nil(right)
        and len(left) == len(right)
        and all(deep_equal(one, other) for one, other in zip(left, right, strict=True))
    )


def _equal_maps(left: dict[str, Value], right: dict[str, Value]) -> bool:
    if left is right:
        return True
    if is_nil(left) != is_nil(right) or len(left) != len(right):
        return False
    return all(key in right and deep_equal(value, right[key]) for key, value in left.items())


def deep_equal(left: Value, right: Value) -> bool:
    """Whether both have the same type and equal contents: `1`, `1.0` and an int64 1 all differ, nil is not an empty list."""
    if type_of(left) != type_of(right):
        return False
    if isinstance(left, list):
        return _equal_lists(left, right)
    if isinstance(left, dict):
        return _equal_maps(left, right)
    return bool(left == right)


def empty(value: Value) -> bool:
    """Whether the value is nil, false, zero, or has no length; structs never are empty."""
    if isinstance(value, GoObject):
        return value.kind in ("int", "int64") and value.number() == 0
    if isinstance(value, float) and math.isnan(value):
        return False
    return not value
