"""Go's durations: a number of nanoseconds, `1h30m` as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from eso.template.functions.jsongo import JsonObject
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import Int64, Value

__all__ = [
    "HOUR",
    "MAX_DURATION",
    "MICROSECOND",
    "MINUTE",
    "MIN_DURATION",
    "SECOND",
    "Duration",
    "duration_text",
    "parse_duration",
]

MICROSECOND: Final = 1_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
MAX_DURATION: Final = (1 << 63) - 1
MIN_DURATION: Final = -(1 << 63)

_UNITS: Final = {
    "ns": 1,
    "us": MICROSECOND,
    "\u00b5s": MICROSECOND,
    "\u03bcs": MICROSECOND,
    "ms": 1_000_000,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]*)")
_LARGEST: Final = 1 << 63
_INVALID: Final = "time: invalid duration"


def _fraction(digits: str, unit: int) -> int:
    """A decimal fraction of a unit, in the float64 arithmetic of Go, which rounds down."""
    number, scale = 0, 1.0
    for digit in digits:
        if number > (_LARGEST - 1) // 10:
            break
        number = number * 10 + int(digit)
        scale *= 10
    return int(float(number) * (float(unit) / scale))


def _part(found: re.Match[str]) -> int:
    whole, fraction, name = found.groups()
    if not whole and not fraction:
        raise FunctionError(_INVALID)
    if not name:
        raise FunctionError("time: missing unit in duration")
    unit = _UNITS.get(name)
    if unit is None:
        raise FunctionError("time: unknown unit in duration")
    # More digits than these are out of range in any unit.
    number = int(whole[:40] or "0") * unit
    if number > _LARGEST:
        raise FunctionError(_INVALID)
    return number + (_fraction(fraction, unit) if fraction else 0)


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration, such as `1h15m30.918s`; there is no unit for days.

    Raises:
        FunctionError: it is none, or does not fit 64 bits.
    """
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise FunctionError(_INVALID)
    total = 0
    while rest:
        found = _PART.match(rest)
        if found is None or not (rest[0] == "." or rest[0] in "0123456789"):
            raise FunctionError(_INVALID)
        total += _part(found)
        if total > _LARGEST:
            raise FunctionError(_INVALID)
        rest = rest[found.end() :]
    if text[0] == "-":
        return -total
    if total > MAX_DURATION:
        raise FunctionError(_INVALID)
    return total


def _decimal(number: int, places: int) -> str:
    """A number shifted by decimal places, without zeros at the end."""
    whole, fraction = divmod(number, 10**places)
    digits = f"{fraction:0{places}d}".rstrip("0") if places else ""
    return f"{whole}.{digits}" if digits else str(whole)


def duration_text(nanoseconds: int) -> str:
    """The duration as Go prints it: `72h3m0.5s`, or in the fitting unit below one second."""
    sign = "-" if nanoseconds < 0 else ""
    size = abs(nanoseconds)
    if size == 0:
        return "0s"
    if size < MICROSECOND:
        return f"{sign}{size}ns"
    if size < 1_000_000:
        return f"{sign}{_decimal(size, 3)}\u00b5s"
    if size < SECOND:
        return f"{sign}{_decimal(size, 6)}ms"
    minutes, rest = divmod(size, MINUTE)
    text = _decimal(rest, 9) + "s"
    if minutes:
        text = f"{minutes % 60}m{text}"
    return f"{sign}{minutes // 60}h{text}" if minutes >= 60 else sign + text


def _truncated(value: int, multiple: int) -> int:
    remainder = abs(value) % multiple
    return value - remainder if value >= 0 else value + remainder


def _quotient(value: int, divisor: int) -> Int64:
    """Division as Go does it: toward zero."""
    return Int64(abs(value) // divisor * (1 if value >= 0 else -1))


class Duration(JsonObject):
    """Go's time.Duration.

    Attributes:
        nanoseconds: its length.
    """

    __slots__ = ("nanoseconds",)
    go_type: ClassVar[str] = "time.Duration"
    kind: ClassVar[str] = "int64"
    methods: ClassVar[Mapping[str, Function]] = {}

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds = max(MIN_DURATION, min(nanoseconds, MAX_DURATION))

    def __str__(self) -> str:
        return duration_text(self.nanoseconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other.nanoseconds == self.nanoseconds

    def __hash__(self) -> int:
        return hash(self.nanoseconds)

    def number(self) -> int:
        """Its nanoseconds."""
        return self.nanoseconds

    def to_json_value(self) -> Value:
        """Its nanoseconds."""
        return self.nanoseconds

    def truncated(self, multiple: Duration) -> Duration:
        """Rounded toward zero to a multiple; itself when that is not positive."""
        if multiple.nanoseconds <= 0:
            return self
        return Duration(_truncated(self.nanoseconds, multiple.nanoseconds))

    def rounded(self, multiple: Duration) -> Duration:
        """Rounded to the nearest multiple, halves away from zero; itself when that is not positive."""
        step = multiple.nanoseconds
        if step <= 0:
            return self
        size = abs(self.nanoseconds)
        rest = size % step
        nearest = size - rest if rest * 2 < step else size + step - rest
        return Duration(nearest if self.nanoseconds >= 0 else -nearest)

    def _per(self, unit: int) -> float:
        whole, rest = divmod(abs(self.nanoseconds), unit)
        total = float(whole) + float(rest) / unit
        return total if self.nanoseconds >= 0 else -total


def _methods() -> Mapping[str, Function]:
    duration = (Param.DURATION,)
    table = (
        Function("String", str),
        Function("Nanoseconds", lambda value: Int64(value.nanoseconds)),
        Function("Microseconds", lambda value: _quotient(value.nanoseconds, MICROSECOND)),
        Function("Milliseconds", lambda value: _quotient(value.nanoseconds, 1_000_000)),
        Function("Seconds", lambda value: value._per(SECOND)),
        Function("Minutes", lambda value: value._per(MINUTE)),
        Function("Hours", lambda value: value._per(HOUR)),
        Function("Abs", lambda value: Duration(abs(value.nanoseconds))),
        Function("Truncate", Duration.truncated, duration),
        Function("Round", Duration.rounded, duration),
    )
    return {function.name: function for function in table}


Duration.methods = _methods()
