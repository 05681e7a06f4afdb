"""Go's comparison functions of templates: eq, ne, lt, le, gt, ge."""

from __future__ import annotations

from typing import Final

from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import GoObject, Value, is_nil, kind_of, to_bytes, type_of

__all__ = ["eq", "ge", "gt", "le", "lt", "ne"]

_BASIC: Final = {
    "bool": "bool", "complex128": "complex", "int": "int", "int64": "int", "uint8": "uint", "uint64": "uint", "float64": "float", "string": "string",
}  # fmt: skip
_INTEGERS: Final = ("int", "uint")
_BAD_TYPE: Final = "invalid type for comparison"


def _basic(value: Value) -> str:
    return _BASIC.get(kind_of(value), "")


def _plain(value: Value) -> Value:
    return value.number() if isinstance(value, GoObject) and value.kind in ("int", "int64") else value


def _incompatible(left: Value, right: Value) -> FunctionError:
    return FunctionError(f"incompatible types for comparison: {type_of(left)} and {type_of(right)}")


def _equal(left: Value, right: Value) -> bool:
    kind, other = _basic(left), _basic(right)
    if kind and other:
        if kind == other or (kind in _INTEGERS and other in _INTEGERS):
            return bool(_plain(left) == _plain(right))
        raise _incompatible(left, right)
    invalid, other_invalid = kind_of(left) == "invalid", kind_of(right) == "invalid"
    if kind != other:
        if invalid or other_invalid:
            return False
        raise _incompatible(left, right)
    if not (invalid or other_invalid) and kind_of(left) != kind_of(right):
        raise FunctionError(f"non-comparable types {type_of(left)}, {type_of(right)}")
    if is_nil(left) or is_nil(right):
        return is_nil(left) and is_nil(right)
    if not isinstance(right, GoObject):
        raise FunctionError(f"non-comparable type {type_of(right)}")
    return left is right if right.kind == "ptr" else type_of(left) == type_of(right) and bool(left == right)


def eq(left: Value, *others: Value) -> bool:
    """Whether the first argument equals any of the others, read from the left up to the first that does."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_equal(left, other) for other in others)


def ne(left: Value, right: Value) -> bool:
    """The opposite of `eq`."""
    return not _equal(left, right)


def lt(left: Value, right: Value) -> bool:
    """Whether the first argument is less: integers, floats and strings among themselves."""
    kind, other = _basic(left), _basic(right)
    if not kind or not other:
        raise FunctionError(_BAD_TYPE)
    if kind != other and not (kind in _INTEGERS and other in _INTEGERS):
        raise _incompatible(left, right)
    if kind in ("bool", "complex"):
        raise FunctionError(_BAD_TYPE)
    if kind == "string":
        return to_bytes(left) < to_bytes(right)
    return bool(_plain(left) < _plain(right))


def le(left: Value, right: Value) -> bool:
    """Less or equal."""
    return lt(left, right) or _equal(left, right)


def gt(left: Value, right: Value) -> bool:
    """Not less or equal, as Go defines it: true when one is NaN."""
    return not le(left, right)


def ge(left: Value, right: Value) -> bool:
    """Not less: true when one is NaN."""
    return not lt(left, right)
