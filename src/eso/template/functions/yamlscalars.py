"""What type a YAML scalar has, by the rules of YAML 1.1 as Kubernetes' parser knows them."""

from __future__ import annotations

import re
from typing import Final

from eso.template.functions.cast import parse_float, parse_int
from eso.template.functions.timeparsing import LayoutError, parse_time

__all__ = ["Plain", "is_timestamp", "needs_quotes", "resolve"]

Plain = str | bool | int | float | None

_WORDS: Final[dict[str, Plain]] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], float("nan")),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], float("inf")),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], float("-inf")),
}
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SIGNED_BINARY: Final = re.compile(r"0b([-+][01]+)")
_SEXAGESIMAL: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_YEAR: Final = re.compile(r"[0-9]{4}-")
_TIMESTAMPS: Final = (
    "2006-1-2T15:4:5.999999999Z07:00",
    "2006-1-2t15:4:5.999999999Z07:00",
    "2006-1-2 15:4:5.999999999",
    "2006-1-2",
)
_MAX_UINT64: Final = (1 << 64) - 1


def is_timestamp(text: str) -> bool:
    """Whether the text is a date, with or without a time."""
    if _YEAR.match(text) is None:
        return False
    for layout in _TIMESTAMPS:
        try:
            parse_time(layout, text)
        except LayoutError:
            continue
        return True
    return False


def _number(text: str) -> int | float | None:
    plain = text.replace("_", "")
    whole = parse_int(plain, 0, _MAX_UINT64 if plain[:1].isdigit() else (1 << 63) - 1)
    if whole is not None:
        return whole
    if _FLOAT.fullmatch(plain):
        return parse_float(plain)
    binary = _SIGNED_BINARY.fullmatch(plain)
    return parse_int(binary[1], 2) if binary is not None else None


def resolve(text: str) -> Plain:
    """The value of a scalar written without quotes: a bool, a number, null, or the text itself. Dates stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        number: int | float | None = parse_float(text)
    elif text[0] in "+-0123456789" and not is_timestamp(text):
        number = _number(text)
    else:
        number = None
    return text if number is None else number


def needs_quotes(text: str) -> bool:
    """Whether the text would be read as another type, or by other parsers as one, without quotes."""
    if not isinstance(resolve(text), str) or is_timestamp(text):
        return True
    return text[0] in "+-0123456789" and ":" in text and _SEXAGESIMAL.fullmatch(text) is not None
