"""Text of floating-point and complex numbers as Go's default format prints them."""

from __future__ import annotations

import math

__all__ = ["complex_text", "decimal_digits", "float_text", "special_text"]


def special_text(value: float) -> str | None:
    """`NaN`, `+Inf` or `-Inf`; None for a finite number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def decimal_digits(value: float) -> tuple[str, int]:
    """The shortest digits that read back as `value`, and the position of the decimal point in them.

    `0.00123` gives `("123", -2)`, `1200.0` gives `("12", 4)`, zero gives `("", 0)`. The sign is left out.
    """
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + (int(exponent) if exponent else 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    return (stripped, point) if stripped else ("", 0)


def float_text(value: float, low: int = -4, high: int = 6) -> str:
    """The shortest text of a float64: plain digits for decimal exponents in `[low, high)`, else exponent form.

    The defaults are those of Go's `%v` and `%g`; its JSON encoder uses `low=-6, high=21`.
    """
    special = special_text(value)
    if special is not None:
        return special
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    digits, point = decimal_digits(value)
    if not digits:
        return sign + "0"
    exponent = point - 1
    if exponent < low or exponent >= high:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def complex_text(value: complex) -> str:
    """A complex128 as `(re+imi)`."""
    imaginary = float_text(value.imag)
    sign = "" if imaginary[0] in "+-" else "+"
    return f"({float_text(value.real)}{sign}{imaginary}i)"
