"""Go's runtime types as Python values.

======================  =======================================================================================
Go                      here
======================  =======================================================================================
string                  `str`; bytes that are not UTF-8 are surrogates (`surrogateescape`), always in normal form
bool int float64        `bool` `int` `float`
complex128              `complex`
int64 uint8 uint64      `Int64` `Uint8` `Uint64`
nil interface           `None`
no value at all         `MISSING`
[]interface {}          `list`; `NilList` is its nil
[]string []int          `StringList` `IntList`; `NilStringList` is a nil []string
[][]interface {}        `ListOfLists`
map[string]interface {} `dict`; `NilMap` is its nil
map[string]string       `StringMap`; `MapOfStringMaps` is a map of those
anything else           a `GoObject`
======================  =======================================================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, NoReturn

from eso.template.gotext.function import Function, FunctionError
from eso.template.gotext.numbertext import complex_text, float_text
from eso.template.limits import Budget

__all__ = [
    "GO_SPACE",
    "MISSING",
    "GoObject",
    "Int64",
    "IntList",
    "ListOfLists",
    "MapOfStringMaps",
    "Missing",
    "NilList",
    "NilMap",
    "NilStringList",
    "StringList",
    "StringMap",
    "Uint8",
    "Uint64",
    "Value",
    "byte_length",
    "from_bytes",
    "is_nil",
    "kind_of",
    "normalized",
    "sorted_keys",
    "to_bytes",
    "to_text",
    "truth",
    "type_of",
    "wrap_int64",
    "zero_element",
]

GO_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""The characters for which Go's unicode.IsSpace holds; Python's `str.isspace` knows four more."""

Value = Any
"""One of the representations in the table above."""


class Int64(int):
    """Go's int64, which is another type than int."""

    __slots__ = ()


class Uint8(int):
    """Go's uint8: an element of a string."""

    __slots__ = ()


class Uint64(int):
    """Go's uint64: a part of a version."""

    __slots__ = ()


class StringList(list[str]):
    """Go's []string."""

    __slots__ = ()


class IntList(list[int]):
    """Go's []int."""

    __slots__ = ()


class ListOfLists(list[list[Value]]):
    """Go's [][]interface {}."""

    __slots__ = ()


class NilList(list[Value]):
    """A nil []interface {}: empty, prints `[]`, and is null in JSON."""

    __slots__ = ()


class NilStringList(StringList):
    """A nil []string: empty, prints `[]`, and is null in JSON."""

    __slots__ = ()


class StringMap(dict[str, str]):
    """Go's map[string]string: the type of the root."""

    __slots__ = ()


class MapOfStringMaps(dict[str, StringMap]):
    """Go's map[string]map[string]string: the root of webhook templates."""

    __slots__ = ()


class NilMap(dict[str, Value]):
    """A nil map[string]interface {}: reads as empty and cannot be written."""

    __slots__ = ()

    def __setitem__(self, key: str, value: Value) -> NoReturn:
        raise FunctionError("assignment to entry in nil map")

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Refuse to write, as Go does; nothing to write is fine."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value


class Missing:
    """The type of `MISSING`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""No value: an absent key where absent keys are allowed, or the result of a pipeline that gave nil."""


class GoObject(ABC):
    """A Go value with a type of its own: a time, a duration, a version, a certificate.

    Attributes:
        go_type: text of the type, for example `*semver.Version`.
        kind: reflect's kind: `struct`, `ptr`, `int`, `int64`.
        methods: what templates may call; `call` gets the receiver first.
        is_stringer: `str(value)` is how the value prints; otherwise its fields print.
    """

    __slots__ = ()
    go_type: ClassVar[str]
    kind: ClassVar[str]
    methods: ClassVar[Mapping[str, Function]] = {}
    is_stringer: ClassVar[bool] = True

    @abstractmethod
    def __str__(self) -> str:
        """The text in Go's default format."""

    def fields(self) -> Mapping[str, Value]:
        """Exported fields in order of declaration."""
        return {}

    def printed(self) -> Mapping[str, Value]:
        """What a verb that does not take the text prints: every field, those that templates cannot reach included."""
        return self.fields()

    def number(self) -> int:
        """The integer under a value of kind `int` or `int64`; such a class makes a value from one integer.

        Raises:
            TypeError: the value is no number.
        """
        raise TypeError(f"{self.go_type} is no number")


_TYPES: Final[dict[type, tuple[str, str]]] = {
    str: ("string", "string"),
    bool: ("bool", "bool"),
    int: ("int", "int"),
    Int64: ("int64", "int64"),
    Uint8: ("uint8", "uint8"),
    Uint64: ("uint64", "uint64"),
    float: ("float64", "float64"),
    complex: ("complex128", "complex128"),
    type(None): ("<nil>", "invalid"),
    Missing: ("<nil>", "invalid"),
    list: ("[]interface {}", "slice"),
    NilList: ("[]interface {}", "slice"),
    StringList: ("[]string", "slice"),
    NilStringList: ("[]string", "slice"),
    IntList: ("[]int", "slice"),
    ListOfLists: ("[][]interface {}", "slice"),
    dict: ("map[string]interface {}", "map"),
    NilMap: ("map[string]interface {}", "map"),
    StringMap: ("map[string]string", "map"),
    MapOfStringMaps: ("map[string]map[string]string", "map"),
}


def type_of(value: Value) -> str:
    """Go's text of the type (`%T`); `<nil>` for nil."""
    entry = _TYPES.get(type(value))
    return entry[0] if entry is not None else str(value.go_type)


def kind_of(value: Value) -> str:
    """Reflect's kind; `invalid` for nil."""
    entry = _TYPES.get(type(value))
    return entry[1] if entry is not None else str(value.kind)


def is_nil(value: Value) -> bool:
    """Whether the value is nil, or a nil list or map."""
    return value is None or isinstance(value, (Missing, NilList, NilStringList, NilMap))


def zero_element(container: dict[str, Value]) -> Value:
    """The zero value of a map's elements: what indexing it with an absent key gives."""
    if isinstance(container, StringMap):
        return ""
    return StringMap() if isinstance(container, MapOfStringMaps) else None


def truth(value: Value) -> bool:
    """Go's truth of a value: false, zero, "", nil and empty are false, a struct or pointer never is."""
    if isinstance(value, GoObject):
        return value.number() != 0 if value.kind in ("int", "int64") else True
    return bool(value)


def to_bytes(text: str) -> bytes:
    """The bytes of a Go string."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """A Go string from its bytes, in normal form."""
    return data.decode("utf-8", "surrogateescape")


def normalized(text: str) -> str:
    """The normal form after strings were joined or cut: bytes that form a character together become that character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return from_bytes(to_bytes(text))
    return text


def byte_length(text: str) -> int:
    """The length of a Go string."""
    return len(text) if text.isascii() else len(to_bytes(text))


def sorted_keys(keys: Iterable[str]) -> list[str]:
    """Keys in Go's order of strings: by byte."""
    found = list(keys)
    return sorted(found) if all(key.isascii() for key in found) else sorted(found, key=to_bytes)


def wrap_int64(number: int) -> Int64:
    """Wrap around as 64-bit signed integers do."""
    return Int64((number + (1 << 63)) % (1 << 64) - (1 << 63))


def to_text(value: Value, budget: Budget | None = None) -> str:
    """The text of a value in Go's default format (`%v`); nil is `<nil>`.

    With a budget, lists and maps are charged: one that holds another many times prints far longer than it is.

    Raises:
        LimitError: the text is too long.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, (list, dict)):
        if budget is not None:
            budget.spend_items(len(value))
        if isinstance(value, list):
            return normalized("[" + " ".join([to_text(item, budget) for item in value]) + "]")
        pairs = [f"{key}:{to_text(value[key], budget)}" for key in sorted_keys(value)]
        return normalized("map[" + " ".join(pairs) + "]")
    if value is None or value is MISSING:
        return "<nil>"
    return complex_text(value) if isinstance(value, complex) else str(value)
