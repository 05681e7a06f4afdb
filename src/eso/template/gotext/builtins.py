"""The functions of Go's text/template itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from eso.template.gotext import compare
from eso.template.gotext.escape import html, js, urlquery
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.printf import sprint, sprintf, sprintln
from eso.template.gotext.values import (
    MISSING,
    GoObject,
    IntList,
    ListOfLists,
    StringList,
    Uint8,
    Value,
    byte_length,
    from_bytes,
    kind_of,
    to_bytes,
    truth,
    type_of,
    zero_element,
)

__all__ = ["BUILTINS"]


def _not(value: Value) -> bool:
    return not truth(value)


def _len(value: Value) -> int:
    if isinstance(value, str):
        return byte_length(value)
    if isinstance(value, (list, dict)):
        return len(value)
    if value is MISSING:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    if value is None:
        raise FunctionError("len of nil pointer")
    raise FunctionError(f"len of type {type_of(value)}")


def _position(index: Value, limit: int) -> int:
    """An index as an int, at most `limit`."""
    kind = kind_of(index)
    if kind == "invalid":
        raise FunctionError("cannot index slice/array with nil")
    if kind not in ("int", "int64", "uint8", "uint64"):
        raise FunctionError(f"cannot index slice/array with type {type_of(index)}")
    position = index.number() if isinstance(index, GoObject) else int(index)
    if not 0 <= position <= limit:
        raise FunctionError("index out of range")
    return position


def _item(container: Value, index: Value) -> Value:
    if container is None or container is MISSING:
        raise FunctionError("index of nil pointer")
    if isinstance(container, str):
        data = to_bytes(container)
        position = _position(index, len(data))
        if position == len(data):
            raise FunctionError("reflect: string index out of range")
        return Uint8(data[position])
    if isinstance(container, list):
        position = _position(index, len(container))
        if position == len(container):
            raise FunctionError("reflect: slice index out of range")
        return container[position]
    if isinstance(container, dict):
        if index is None or index is MISSING:
            raise FunctionError("value is nil; should be of type string")
        if not isinstance(index, str):
            raise FunctionError(f"value has type {type_of(index)}; should be string")
        return container[index] if index in container else zero_element(container)
    raise FunctionError(f"can't index item of type {type_of(container)}")


def _index(item: Value, *indexes: Value) -> Value:
    if item is None or item is MISSING:
        raise FunctionError("index of untyped nil")
    for index in indexes:
        item = _item(item, index)
    return item


def _slice(item: Value, *indexes: Value) -> Value:
    if item is None or item is MISSING:
        raise FunctionError("slice of untyped nil")
    if len(indexes) > 3:
        raise FunctionError(f"too many slice indexes: {len(indexes)}")
    if isinstance(item, str):
        if len(indexes) == 3:
            raise FunctionError("cannot 3-index slice a string")
        data = to_bytes(item)
        start, end = _bounds(indexes, len(data))
        return from_bytes(data[start:end])
    if not isinstance(item, list):
        raise FunctionError(f"can't slice item of type {type_of(item)}")
    start, end = _bounds(indexes, len(item))
    part = item[start:end]
    kinds: tuple[type[list[Any]], ...] = (StringList, IntList, ListOfLists)
    return next((kind(part) for kind in kinds if isinstance(item, kind)), part)


def _bounds(indexes: tuple[Value, ...], size: int) -> tuple[int, int]:
    positions = [_position(index, size) for index in indexes]
    start, end = [*positions[:2], *(0, size)[len(positions) :]]
    if start > end:
        raise FunctionError(f"invalid slice index: {start} > {end}")
    if len(positions) == 3 and end > positions[2]:
        raise FunctionError(f"invalid slice index: {end} > {positions[2]}")
    return start, end


def _call(function: Value, *args: Value) -> Value:
    # No value that reaches a template is a function.
    if function is None or function is MISSING:
        raise FunctionError("call of nil")
    raise FunctionError(f"non-function of type {type_of(function)}")


def _unused(*args: Value) -> Value:
    return args[-1]


def _table() -> dict[str, Function]:
    value, anything = Param.VALUE, Param.ANY
    table = {
        "and": Function("and", _unused, (value,), value, short_circuit=False),
        "or": Function("or", _unused, (value,), value, short_circuit=True),
        "not": Function("not", _not, (value,)),
        "len": Function("len", _len, (value,)),
        "index": Function("index", _index, (value,), value),
        "slice": Function("slice", _slice, (value,), value),
        "call": Function("call", _call, (value,), value),
        "eq": Function("eq", compare.eq, (value,), value),
        "printf": Function("printf", sprintf, (Param.STRING,), anything, needs_budget=True),
    }
    printing: dict[str, Callable[..., str]] = {
        "print": sprint, "println": sprintln, "html": html, "js": js, "urlquery": urlquery,
    }  # fmt: skip
    table.update({name: Function(name, call, (), anything, needs_budget=True) for name, call in printing.items()})
    ordering = {"ne": compare.ne, "lt": compare.lt, "le": compare.le, "gt": compare.gt, "ge": compare.ge}
    table.update({name: Function(name, call, (value, value)) for name, call in ordering.items()})
    return table


BUILTINS: Final[Mapping[str, Function]] = MappingProxyType(_table())
"""Every function that templates have without a table of their own."""
