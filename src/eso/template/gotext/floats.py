"""Go's strconv.FormatFloat, with printf's `#` flag."""

from __future__ import annotations

import math
from typing import Final

from eso.template.gotext.numbertext import float_text, special_text

__all__ = ["format_float"]

_MANTISSA_BITS: Final = 52
_BIAS: Final = 1075
"""Exponent bias of a float64 whose mantissa counts as an integer."""


def _binary(value: float) -> str:
    """`%b`: the mantissa and a power of two."""
    mantissa, exponent = _parts(value)
    return f"{'-' if math.copysign(1, value) < 0 else ''}{mantissa}p{exponent:+d}"


def _parts(value: float) -> tuple[int, int]:
    """The integer mantissa and the exponent, as they are stored."""
    fraction, exponent = math.frexp(abs(value))
    if value == 0:
        return 0, 1 - _BIAS
    scaled, power = int(math.ldexp(fraction, _MANTISSA_BITS + 1)), exponent - _MANTISSA_BITS - 1
    if power < 1 - _BIAS:
        return int(math.ldexp(abs(value), _BIAS - 1)), 1 - _BIAS
    return scaled, power


def _hexadecimal(value: float, upper: bool, precision: int | None, *, sharp: bool) -> str:
    """`%x`: a mantissa of the form 1.xxx in hexadecimal, and a power of two."""
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, power = _parts(value)
    exponent = 0
    if mantissa:
        shift = _MANTISSA_BITS + 1 - mantissa.bit_length()
        mantissa <<= shift
        exponent = power - shift + _MANTISSA_BITS
    if precision is not None and precision < 13:
        drop = 4 * (13 - precision)
        half, rest = 1 << (drop - 1), mantissa & ((1 << drop) - 1)
        mantissa >>= drop
        if rest > half or (rest == half and mantissa & 1):
            mantissa += 1
        mantissa <<= drop
        if mantissa >> (_MANTISSA_BITS + 1):
            mantissa >>= 1
            exponent += 1
    digits = f"{mantissa & ((1 << _MANTISSA_BITS) - 1):013x}"
    digits = digits.rstrip("0") if precision is None else digits[:precision].ljust(precision, "0")
    if sharp and precision is None and not upper:
        # Go asks for six digits here, and counts the x and the one before the point as two of them.
        digits = digits.ljust(4, "0")
    point = "." if digits or sharp else ""
    text = f"0x{mantissa >> _MANTISSA_BITS}{point}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + (text.upper() if upper else text)


def _general(value: float, precision: int | None) -> str:
    """`%g`."""
    if precision is None:
        return float_text(value)
    digits, point = _rounded(value, max(precision, 1))
    sign = "-" if math.copysign(1, value) < 0 else ""
    limit = max(precision, 1)
    if limit > len(digits) >= point:
        limit = len(digits)
    exponent = point - 1
    if digits and (exponent < -4 or exponent >= limit):
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if not digits:
        return sign + "0"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    return sign + whole + ("." + fraction if fraction else "")


def _rounded(value: float, count: int) -> tuple[str, int]:
    """At most `count` significant digits without trailing zeros, and where the point is in them."""
    if value == 0:
        return "", 0
    mantissa, _, exponent = f"{abs(value):.{count - 1}e}".partition("e")
    return mantissa.replace(".", "").rstrip("0"), int(exponent) + 1


def _with_point(text: str, verb: str, precision: int | None) -> str:
    """What the `#` flag adds: a decimal point, and for `g` the zeros at the end."""
    body, mark, tail = text.partition("e")
    sign = body[0] if body[0] in "+-" else ""
    body = body[len(sign) :]
    wanted = 0
    if verb in "gG":
        wanted = 6 if precision is None else precision
        significant = body.replace(".", "").lstrip("0")
        wanted -= len(significant)
        if body == "0":
            wanted -= 1
    if "." not in body:
        body += "."
    return sign + body + "0" * max(wanted, 0) + mark + tail


def format_float(value: float, verb: str, precision: int | None, *, sharp: bool = False) -> str:
    """A float64 under a verb (`b e E f g G x X`); without precision, the verb's default."""
    special = special_text(value)
    if special is not None:
        return special
    if verb == "b":
        return _binary(value)
    if verb in "xX":
        return _hexadecimal(value, verb == "X", precision, sharp=sharp)
    if verb in "eEf":
        text = f"{value:.{6 if precision is None else precision}{'f' if verb == 'f' else 'e'}}"
    else:
        text = _general(value, precision)
    if sharp:
        text = _with_point(text, verb, precision)
    return text.upper() if verb in "EG" else text
