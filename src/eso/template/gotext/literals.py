"""Number literals: one spelling, every type that can hold it."""

from __future__ import annotations

import math
import re
from typing import Final

from eso.template.gotext.nodes import Number
from eso.template.gotext.quote import quote, unquote_char

__all__ = ["char_literal", "complex_literal", "number_literal", "parse_float", "parse_integer"]

_INT_RANGE: Final = range(-(1 << 63), 1 << 63)
_UINT_RANGE: Final = range(1 << 64)
_INTEGER: Final = re.compile(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[oO]((?:_?[0-7])+)|0[bB]((?:_?[01])+)|(0(?:_?[0-7])*)|([1-9](?:_?[0-9])*))"
)
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEX_FLOAT: Final = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_BAD_UNDERSCORE: Final = re.compile(r"(?<![0-9])_|_(?![0-9])")
_BAD_HEX_UNDERSCORE: Final = re.compile(r"(?<![0-9a-fA-FxX])_|_(?![0-9a-fA-F])")
_REAL: Final = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?[0-9_]*)?|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)"
)
_WORDS: Final = re.compile(r"[+-]?(?:inf|infinity)|nan", re.IGNORECASE)


def parse_integer(text: str) -> int | None:
    """An integer of any size in Go syntax with base prefix; None when it is not one."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    sign, *digits = match.groups()
    base, found = next((base, part) for base, part in zip((16, 8, 2, 8, 10), digits, strict=True) if part is not None)
    value = int(found.replace("_", ""), base)
    return -value if sign == "-" else value


def parse_float(text: str) -> float | None:
    """A float64 as strconv.ParseFloat reads it; None when it is malformed or out of range."""
    if _WORDS.fullmatch(text):
        return float(text)
    plain = text
    if "_" in text:
        bad = _BAD_HEX_UNDERSCORE if text.lstrip("+-")[:2] in ("0x", "0X") else _BAD_UNDERSCORE
        if bad.search(text):
            return None
        plain = text.replace("_", "")
    try:
        if _HEX_FLOAT.fullmatch(plain):
            return float.fromhex(plain)
        if not _DECIMAL.fullmatch(plain):
            return None
        value = float(plain)
    except OverflowError:
        return None
    return None if math.isinf(value) else value


def char_literal(pos: int, text: str) -> Number:
    """A character literal.

    Raises:
        ValueError: it is malformed.
    """
    point, rest = unquote_char(text[1:], "'")
    if rest != "'":
        raise ValueError(f"malformed character constant: {text}")
    return Number(pos, text, point, point, float(point))


def _fit(number: Number, value: float) -> None:
    """Set the integer types where the float is integral and in range."""
    number.as_float = value
    if math.isfinite(value) and value == math.floor(value):
        if number.as_int is None and int(value) in _INT_RANGE:
            number.as_int = int(value)
        if number.as_uint is None and int(value) in _UINT_RANGE:
            number.as_uint = int(value)


def _complex_number(pos: int, text: str, value: complex) -> Number:
    number = Number(pos, text, as_complex=value)
    if value.imag == 0:
        _fit(number, value.real)
    return number


def complex_literal(pos: int, text: str) -> Number:
    """A complex literal with a real and an imaginary part.

    Raises:
        ValueError: it is malformed.
    """
    match = _REAL.match(text)
    split = match.end() if match is not None else 0
    real, imaginary = parse_float(text[:split]), parse_float(text[split:-1])
    if real is None or imaginary is None or text[split] not in "+-":
        raise ValueError("syntax error scanning complex number")
    return _complex_number(pos, text, complex(real, imaginary))


def number_literal(pos: int, text: str) -> Number:
    """An integer, float or imaginary literal.

    Raises:
        ValueError: it is malformed or too large.
    """
    if text.endswith("i"):
        imaginary = parse_float(text[:-1])
        if imaginary is not None:
            return _complex_number(pos, text, complex(0.0, imaginary))
    number = Number(pos, text)
    integer = parse_integer(text)
    if integer is not None:
        number.as_int = integer if integer in _INT_RANGE else None
        signed = text[0] in "+-"
        if integer in _UINT_RANGE and (not signed or integer == 0):
            number.as_uint = integer
    if number.as_int is not None:
        number.as_float = float(number.as_int)
    elif number.as_uint is not None:
        number.as_float = float(number.as_uint)
    else:
        value = parse_float(text)
        if value is not None:
            if not any(char in text for char in ".eEpP"):
                raise ValueError(f"integer overflow: {quote(text)}")
            _fit(number, value)
    if number.as_int is None and number.as_uint is None and number.as_float is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    return number
