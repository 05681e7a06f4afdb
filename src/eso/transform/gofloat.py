"""Numbers as Go writes and reads them.

Source: `strconv.FormatFloat` and `strconv.ParseFloat` of the Go standard library, whose output ends up in Secrets and hashes.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

__all__ = ["format_general", "format_json", "format_plain", "parse_float"]

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAMED: Final = {"inf": math.inf, "infinity": math.inf, "nan": math.nan}


def parse_float(text: str) -> float:
    """The number a text stands for; 0 when it is none, infinite when it does not fit (as `ParseFloat` with errors ignored)."""
    if _DECIMAL.fullmatch(text):
        return float(text)
    sign = -1.0 if text.startswith("-") else 1.0
    return sign * _NAMED.get(text.lstrip("+-").lower(), 0.0) if len(text) - len(text.lstrip("+-")) <= 1 else 0.0


def format_plain(value: float) -> str:
    """Shortest decimal without an exponent (`'f', -1`)."""
    if not math.isfinite(value):
        return _format_special(value)
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    text = format(Decimal(repr(value)), "f")
    return text[:-2] if text.endswith(".0") else text


def format_general(value: float) -> str:
    """Shortest form as `%v` prints it: with an exponent (`1e+06`) below 1e-4 and from 1e6."""
    if not math.isfinite(value):
        return _format_special(value)
    return _scientific(value) if value != 0 and not -4 <= _exponent(value) < 6 else format_plain(value)


def format_json(value: float) -> str:
    """As `encoding/json` writes a number: an exponent below 1e-6 and from 1e21."""
    if value != 0 and not 1e-6 <= abs(value) < 1e21:
        text = _scientific(value)
        # Go shortens e-09 to e-9, and leaves e+21 alone.
        return re.sub(r"e-0([0-9])$", r"e-\1", text)
    return format_plain(value)


def _exponent(value: float) -> int:
    return Decimal(repr(value)).adjusted()


def _scientific(value: float) -> str:
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")
    head, tail = str(digits[0]), "".join(map(str, digits[1:]))
    power = exponent + len(digits) - 1
    mantissa = f"{head}.{tail}" if tail else head
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _format_special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
