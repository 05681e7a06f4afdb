"""Functions on lists. All make new lists; the list functions take any Go slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from eso.template.functions.cast import to_int
from eso.template.functions.equality import deep_equal, empty
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import ListOfLists, NilList, Value, kind_of

__all__ = ["TABLE"]

_NIL_TYPE: Final = "runtime error: invalid memory address or nil pointer dereference"


def _items(value: Value, complaint: str) -> list[Value]:
    if isinstance(value, list):
        return value
    if value is None:
        raise FunctionError(_NIL_TYPE)
    raise FunctionError(f"{complaint} {kind_of(value)}")


def new_list(*values: Value) -> list[Value]:
    """The arguments as a list."""
    return list(values)


def append(values: Value, value: Value) -> list[Value]:
    """The list and one more element.

    Raises:
        FunctionError: not a list.
    """
    return [*_items(values, "Cannot push on type"), value]


def prepend(values: Value, value: Value) -> list[Value]:
    """One more element and the list.

    Raises:
        FunctionError: not a list.
    """
    return [value, *_items(values, "Cannot prepend on type")]


def first(values: Value) -> Value:
    """The first element; nil when there is none.

    Raises:
        FunctionError: not a list.
    """
    items = _items(values, "Cannot find first on type")
    return items[0] if items else None


def last(values: Value) -> Value:
    """The last element; nil when there is none.

    Raises:
        FunctionError: not a list.
    """
    items = _items(values, "Cannot find last on type")
    return items[-1] if items else None


def rest(values: Value) -> list[Value]:
    """All but the first element; a nil list of an empty one.

    Raises:
        FunctionError: not a list.
    """
    items = _items(values, "Cannot find rest on type")
    return list(items[1:]) if items else NilList()


def initial(values: Value) -> list[Value]:
    """All but the last element; a nil list of an empty one.

    Raises:
        FunctionError: not a list.
    """
    items = _items(values, "Cannot find initial on type")
    return list(items[:-1]) if items else NilList()


def reverse(values: Value) -> list[Value]:
    """The elements from last to first.

    Raises:
        FunctionError: not a list.
    """
    return list(reversed(_items(values, "Cannot find reverse on type")))


def compact(values: Value) -> list[Value]:
    """The elements that are not empty.

    Raises:
        FunctionError: not a list.
    """
    return [item for item in _items(values, "Cannot compact on type") if not empty(item)]


def _contains(items: list[Value], wanted: Value) -> bool:
    return any(deep_equal(wanted, item) for item in items)


def uniq(values: Value) -> list[Value]:
    """The elements without those that came before.

    Raises:
        FunctionError: not a list.
    """
    result: list[Value] = []
    texts: set[str] = set()
    for item in _items(values, "Cannot find uniq on type"):
        # Text, the common case, is compared by hash so that long lists take linear time.
        if isinstance(item, str):
            if item not in texts:
                texts.add(item)
                result.append(item)
        elif not _contains(result, item):
            result.append(item)
    return result


def without(values: Value, *omitted: Value) -> list[Value]:
    """The elements that equal none of the others given.

    Raises:
        FunctionError: not a list.
    """
    return [item for item in _items(values, "Cannot find without on type") if not _contains(list(omitted), item)]


def has(wanted: Value, values: Value) -> bool:
    """Whether an element equals the wanted one; false for nil.

    Raises:
        FunctionError: not a list.
    """
    return values is not None and _contains(_items(values, "Cannot find has on type"), wanted)


def slice_list(values: Value, *indices: Value) -> Value:
    """The elements from the first index to before the second; nil of an empty list.

    Raises:
        FunctionError: not a list, or an index is outside of it.
    """
    items = _items(values, "list should be type of slice or array but")
    if not items:
        return None
    start = to_int(indices[0]) if indices else 0
    end = to_int(indices[1]) if len(indices) > 1 else len(items)
    if start < 0 or end < start or end > len(items):
        raise FunctionError("reflect.Value.Slice: slice index out of bounds")
    return type(items)(items[start:end])


def concat(*values: Value) -> list[Value]:
    """The elements of all lists.

    Raises:
        FunctionError: not a list.
    """
    result: list[Value] = []
    for value in values:
        if value is not None and not isinstance(value, list):
            raise FunctionError(f"Cannot concat type {kind_of(value)} as list")
        result.extend(_items(value, ""))
    return result or NilList()


def chunk(size: int, values: Value) -> ListOfLists:
    """The elements in lists of `size`, the last of which can be shorter.

    Raises:
        FunctionError: not a list, or the size is not positive.
    """
    items = _items(values, "Cannot chunk type")
    count = math.floor((len(items) - 1) / size) + 1 if size else -1
    if size < 0 and count > 0:
        # Go takes the remainder for the length of the last list before it looks at the sign.
        count, size = (1, 1) if len(items) == 1 and size < -1 else (-1, size)
    if count < 0:
        raise FunctionError("runtime error: makeslice: len out of range")
    return ListOfLists([list(items[index * size : (index + 1) * size]) for index in range(count)])


_A: Final = Param.ANY


def _both(
    name: str, must: str, call: Callable[..., Value], params: tuple[Param, ...], variadic: Param | None = None
) -> tuple[Function, Function]:
    """A function and its `must` twin, which differ only in how they fail inside Go."""
    return Function(name, call, params, variadic), Function(must, call, params, variadic)


TABLE: Final = (
    Function("list", new_list, (), _A),
    Function("tuple", new_list, (), _A),
    *_both("append", "mustAppend", append, (_A, _A)),
    *_both("push", "mustPush", append, (_A, _A)),
    *_both("prepend", "mustPrepend", prepend, (_A, _A)),
    *_both("first", "mustFirst", first, (_A,)),
    *_both("last", "mustLast", last, (_A,)),
    *_both("rest", "mustRest", rest, (_A,)),
    *_both("initial", "mustInitial", initial, (_A,)),
    *_both("reverse", "mustReverse", reverse, (_A,)),
    *_both("compact", "mustCompact", compact, (_A,)),
    *_both("uniq", "mustUniq", uniq, (_A,)),
    *_both("without", "mustWithout", without, (_A,), _A),
    *_both("has", "mustHas", has, (_A, _A)),
    *_both("slice", "mustSlice", slice_list, (_A,), _A),
    *_both("chunk", "mustChunk", chunk, (Param.INT, _A)),
    Function("concat", concat, (), _A),
)
