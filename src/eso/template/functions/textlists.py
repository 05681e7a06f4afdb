"""Functions between text and lists of text."""

from __future__ import annotations

from typing import Final

from eso.template.functions.bytewise import split
from eso.template.gotext.function import Function, Param
from eso.template.gotext.values import StringList, StringMap, Value, kind_of, normalized, sorted_keys, to_text
from eso.template.limits import Budget

__all__ = ["TABLE"]


def texts(value: Value) -> StringList:
    """The elements of a list as text, without nil ones; anything else is a list of one; nil is empty.

    A `StringList` is returned itself, not copied.
    """
    if isinstance(value, StringList):
        return value
    if kind_of(value) == "slice":
        return StringList([to_text(item) for item in value if item is not None])
    return StringList() if value is None else StringList([to_text(value)])


def join(budget: Budget, separator: str, value: Value) -> str:
    """The elements of a list as text with `separator` between them."""
    parts = texts(value)
    budget.spend(len(parts) * len(separator))
    return normalized(separator.join(parts))


def sort_alpha(value: Value) -> StringList:
    """The elements of a list as text, sorted by bytes. A list of strings is sorted in place."""
    if kind_of(value) != "slice":
        return StringList([to_text(value)])
    result = texts(value)
    result[:] = sorted_keys(result)
    return result


def _numbered(parts: list[str]) -> StringMap:
    return StringMap({f"_{index}": part for index, part in enumerate(parts)})


def split_map(separator: str, text: str) -> StringMap:
    """The parts between separators under the keys `_0`, `_1`, ..."""
    return _numbered(split(text, separator))


def splitn_map(separator: str, limit: int, text: str) -> StringMap:
    """At most `limit` parts under the keys `_0`, `_1`, ..."""
    return _numbered(split(text, separator, limit))


def split_list(separator: str, text: str) -> StringList:
    """The parts between separators."""
    return StringList(split(text, separator))


_S: Final = Param.STRING
_A: Final = Param.ANY

TABLE: Final = (
    Function("toStrings", texts, (_A,)),
    Function("join", join, (_S, _A), needs_budget=True),
    Function("sortAlpha", sort_alpha, (_A,)),
    Function("split", split_map, (_S, _S)),
    Function("splitn", splitn_map, (_S, Param.INT, _S)),
    Function("splitList", split_list, (_S, _S)),
)
