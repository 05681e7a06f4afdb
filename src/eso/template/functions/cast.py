"""Loose conversion of anything to a number, as functions do that take any value and want a number."""

from __future__ import annotations

import math
import re
from typing import Final

from eso.template.gotext.values import GoObject, Int64, Value, wrap_int64

__all__ = ["parse_float", "parse_int", "to_float64", "to_int", "to_int64"]

_MIN: Final = -(1 << 63)
_MAX: Final = (1 << 63) - 1
_SIMPLE_DECIMAL: Final = re.compile(r"([-+]?[0-9]*)(\.[0-9]*)?", re.ASCII)
_PREFIXES: Final = {"0x": 16, "0b": 2, "0o": 8}
_DIGITS: Final = {
    2: re.compile("[01]+"),
    8: re.compile("[0-7]+"),
    10: re.compile("[0-9]+"),
    16: re.compile("[0-9a-fA-F]+"),
}
# An underscore stands between digits, or between the base prefix (also the lone 0 of octal numbers) and a digit.
_UNDERSCORES: Final = re.compile(r"(0[xXbBoO]_?[0-9a-fA-F]+|[0-9]+)(_[0-9a-fA-F]+)*")
_RUN: Final = "[0-9](?:_?[0-9])*"
_FLOAT: Final = re.compile(rf"[-+]?({_RUN}(\.({_RUN})?)?|\.{_RUN})([eE][-+]?{_RUN})?")
_HEX_FLOAT: Final = re.compile(r"[-+]?0[xX](_?[0-9a-fA-F])*(\.[0-9a-fA-F]?(_?[0-9a-fA-F])*)?[pP][-+]?[0-9](_?[0-9])*")
_SPECIAL_FLOAT: Final = re.compile(r"[-+]?inf(inity)?|nan", re.IGNORECASE)


def _split_base(text: str) -> tuple[int, str]:
    base = _PREFIXES.get(text[:2].lower())
    if base is not None and len(text) >= 3:
        return base, text[2:]
    return (8, text[1:]) if text[:1] == "0" and len(text) > 1 else (10, text)


def parse_int(text: str, base: int = 0, largest: int = _MAX) -> int | None:
    """Go's `strconv.ParseInt` for 64 bits; base 0 reads the base and underscores from the text. None if it is no number."""
    sign = -1 if text[:1] == "-" else 1
    digits = text[1:] if text[:1] in ("-", "+") else text
    if base == 0:
        if "_" in digits:
            if _UNDERSCORES.fullmatch(digits) is None:
                return None
            digits = digits.replace("_", "")
        base, digits = _split_base(digits)
    if _DIGITS[base].fullmatch(digits) is None:
        return None
    # Long digit strings are out of range whatever they say; Python would take quadratic time or refuse them.
    number = sign * int(digits, base) if len(digits.lstrip("0")) <= 64 else sign << 64
    return number if _MIN <= number <= largest else None


def parse_float(text: str) -> float | None:
    """Go's `strconv.ParseFloat` for 64 bits; None if it is no number or out of range."""
    if _FLOAT.fullmatch(text):
        number = float(text.replace("_", ""))
    elif _HEX_FLOAT.fullmatch(text) and re.search(r"[xX]_?\.?[0-9a-fA-F]", text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    elif _SPECIAL_FLOAT.fullmatch(text):
        return float(text)
    else:
        return None
    return None if math.isinf(number) else number


def _float_to_int(value: float) -> int:
    """Truncate toward zero; what does not fit becomes the smallest int64, as on amd64."""
    if math.isnan(value) or not -9.3e18 < value < 9.3e18:
        return _MIN
    number = int(value)
    return number if _MIN <= number <= _MAX else _MIN


def _number(value: Value) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _float_to_int(value)
    if isinstance(value, str):
        matched = _SIMPLE_DECIMAL.fullmatch(value) if "." in value else None
        whole = value if matched is None else matched[1]
        return parse_int(whole + "0" if matched is not None and whole in ("", "-", "+") else whole) or 0
    if isinstance(value, GoObject) and value.kind in ("int", "int64"):
        return value.number()
    return 0


def to_int(value: Value) -> int:
    """As an int; 0 for what is no number."""
    return _number(value)


def to_int64(value: Value) -> Int64:
    """As an int64; 0 for what is no number."""
    return wrap_int64(_number(value))


def to_float64(value: Value) -> float:
    """As a float64; 0 for what is no number."""
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        number = parse_float(value)
        return 0.0 if number is None else number
    if isinstance(value, GoObject) and value.kind in ("int", "int64"):
        return float(value.number())
    return 0.0
