"""JSON in and out as Go's encoding/json does it."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Final, NoReturn

from eso.template.functions.runes import runes
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.numbertext import float_text, special_text
from eso.template.gotext.values import GoObject, NilList, NilMap, NilStringList, Value, sorted_keys, type_of

__all__ = ["TABLE", "JsonObject", "from_json", "to_json", "to_plain"]


class JsonObject(GoObject):
    """A Go object that has a form in JSON."""

    __slots__ = ()

    @abstractmethod
    def to_json_value(self) -> Value:
        """The string, number or dict it is written as.

        Raises:
            FunctionError: it has none.
        """


_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NILS: Final = (NilList, NilStringList, NilMap)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


class _OutOfRange(Exception):
    """Some number is larger than a float64; the rest of the document is good."""


class _Reader:
    """Reads one document; keeps in mind whether a number was out of range, which Go only reports in the end."""

    def __init__(self) -> None:
        self.overflow = False
        self._decoder = json.JSONDecoder(
            parse_int=self._number,
            parse_float=self._number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )

    def _number(self, text: str) -> float | None:
        number = float(text)
        if special_text(number) is None:
            return number
        self.overflow = True
        return None

    def read(self, text: str) -> Value:
        value = self._decoder.decode(text)
        return _repaired(value) if "\\u" in text else value


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    return dict(pairs)


def _repaired(value: Value) -> Value:
    """The value with U+FFFD for halves of surrogate pairs, which only escapes can have written."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return value


def _parsed(text: str) -> tuple[Value, bool]:
    reader = _Reader()
    try:
        value = reader.read(runes(text))
    except json.JSONDecodeError as err:
        raise FunctionError(f"invalid JSON at line {err.lineno}, column {err.colno}") from None
    except ValueError:
        raise FunctionError("invalid JSON: NaN and Infinity are no numbers") from None
    except RecursionError:
        raise FunctionError("exceeded max depth") from None
    return value, reader.overflow


def must_from_json(text: str) -> Value:
    """The value of a JSON text; every number is a float64.

    Raises:
        FunctionError: it is not JSON; the text says where.
    """
    value, overflow = _parsed(text)
    if overflow:
        raise FunctionError("json: cannot unmarshal number into Go value of type float64")
    return value


def from_json(text: str) -> Value:
    """The value of a JSON text; nil when it is not JSON."""
    try:
        return _parsed(text)[0]
    except FunctionError:
        return None


_ESCAPES: Final = {
    **{code: f"\\u{code:04x}" for code in range(0x20)},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\b"): "\\b",
    ord("\f"): "\\f",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    **dict.fromkeys(range(56448, 56576), "\\ufffd"),
}
_HTML_ESCAPES: Final = {**_ESCAPES, ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
_NEEDS_ESCAPE: Final = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\udc80-\udcff]')


def _number_text(value: float) -> str:
    if special_text(value) is not None:
        raise FunctionError(f"json: unsupported value: {special_text(value)}")
    text = float_text(value, low=-6, high=21)
    # Go writes a single-digit negative exponent without the zero, and only that one.
    return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text


class _Writer:
    """Writes one value."""

    def __init__(self, escape_html: bool, indent: str) -> None:
        self._escapes = _HTML_ESCAPES if escape_html else _ESCAPES
        self._indent = indent

    def string(self, text: str) -> str:
        return f'"{text.translate(self._escapes)}"' if _NEEDS_ESCAPE.search(text) else f'"{text}"'

    def value(self, value: Value, margin: str) -> str:
        if isinstance(value, str):
            return self.string(value)
        if value is None or isinstance(value, _NILS):
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return int.__repr__(value)
        if isinstance(value, float):
            return _number_text(value)
        return self._composed(value, margin)

    def _composed(self, value: Value, margin: str) -> str:
        inner = margin + self._indent
        if isinstance(value, list):
            return self._wrapped("[", [self.value(item, inner) for item in value], "]", margin)
        if isinstance(value, dict):
            return self._members(value, sorted_keys(value), margin)
        if isinstance(value, JsonObject):
            content = value.to_json_value()
            # The fields of a struct keep their order.
            return (
                self._members(content, list(content), margin)
                if isinstance(content, dict)
                else self.value(content, margin)
            )
        raise FunctionError(f"json: unsupported type: {type_of(value)}")

    def _members(self, members: dict[str, Value], keys: list[str], margin: str) -> str:
        inner = margin + self._indent
        separator = ": " if self._indent else ":"
        parts = [self.string(key) + separator + self.value(members[key], inner) for key in keys]
        return self._wrapped("{", parts, "}", margin)

    def _wrapped(self, opening: str, parts: list[str], closing: str, margin: str) -> str:
        if not self._indent or not parts:
            return opening + ",".join(parts) + closing
        inner = "\n" + margin + self._indent
        return opening + inner + f",{inner}".join(parts) + "\n" + margin + closing


def to_json(value: Value, *, escape_html: bool = True, indent: str = "") -> str:
    """The value as JSON, keys sorted by bytes.

    Raises:
        FunctionError: the value has no form in JSON, or contains itself.
    """
    try:
        return _Writer(escape_html, indent).value(value, "")
    except RecursionError:
        raise FunctionError("json: unsupported value: encountered a cycle") from None


def to_plain(value: Value) -> Value:
    """What reading the value's JSON gives, with integers kept and bytes that are not UTF-8 replaced.

    Raises:
        FunctionError: the value has no form in JSON.
    """
    if isinstance(value, str):
        return runes(value)
    if value is None or isinstance(value, _NILS):
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        _number_text(value)
        return value
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {runes(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, JsonObject):
        return to_plain(value.to_json_value())
    raise FunctionError(f"json: unsupported type: {type_of(value)}")


def _or_empty(write: Callable[[Value], str]) -> Callable[[Value], str]:
    def quiet(value: Value) -> str:
        try:
            return write(value)
        except FunctionError:
            return ""

    return quiet


def _pretty(value: Value) -> str:
    return to_json(value, indent="  ")


def _raw(value: Value) -> str:
    return to_json(value, escape_html=False)


_A: Final = (Param.ANY,)
_S: Final = (Param.STRING,)

TABLE: Final = (
    Function("fromJson", from_json, _S),
    Function("mustFromJson", must_from_json, _S),
    Function("toJson", _or_empty(to_json), _A),
    Function("mustToJson", to_json, _A),
    Function("toPrettyJson", _or_empty(_pretty), _A),
    Function("mustToPrettyJson", _pretty, _A),
    Function("toRawJson", _raw, _A),
    Function("mustToRawJson", _raw, _A),
)
