"""Functions on dates and durations."""

from __future__ import annotations

import time
from typing import Final

from eso.template.functions.cast import parse_int
from eso.template.functions.durations import (
    HOUR,
    MAX_DURATION,
    MIN_DURATION,
    MINUTE,
    SECOND,
    Duration,
    duration_text,
    parse_duration,
)
from eso.template.functions.gotime import Time, time_of
from eso.template.functions.locations import load_location, local, utc
from eso.template.functions.timeparsing import LayoutError, parse_time
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import Int64, Value, wrap_int64

__all__ = ["TABLE"]

_HTML: Final = "2006-01-02"
_DAY: Final = 24 * HOUR
_ROUNDING: Final = ((365 * _DAY, "y"), (30 * _DAY, "mo"), (_DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))


def now() -> Time:
    """The time it is, in the zone of the process."""
    seconds, nanosecond = divmod(time.time_ns(), SECOND)
    return Time(seconds, nanosecond, local())


def _moment(value: Value) -> Time:
    """A time, or seconds since 1970; anything else means now."""
    if isinstance(value, Time):
        return value
    if type(value) in (int, Int64):
        return Time(int(value), 0, local())
    return now()


def date_in_zone(layout: str, value: Value, zone: str) -> str:
    """The time by a layout in a zone; UTC when the zone is not known."""
    return _moment(value).in_location(load_location(zone) or utc()).format(layout)


def date(layout: str, value: Value) -> str:
    """The time by a layout in the zone of the process."""
    return date_in_zone(layout, value, "Local")


def html_date(value: Value) -> str:
    """The date as HTML forms want it."""
    return date(_HTML, value)


def html_date_in_zone(value: Value, zone: str) -> str:
    """The date in a zone as HTML forms want it."""
    return date_in_zone(_HTML, value, zone)


def must_date_modify(duration: str, value: Time) -> Time:
    """The time so much later.

    Raises:
        FunctionError: the text is no duration.
    """
    return value.plus(parse_duration(duration))


def date_modify(duration: str, value: Time) -> Time:
    """The time so much later; itself when the text is no duration."""
    try:
        return must_date_modify(duration, value)
    except FunctionError:
        return value


def ago(value: Value) -> str:
    """How long ago a time was, in whole seconds."""
    if not isinstance(value, Time) and type(value) not in (int, Int64):
        return "0s"
    return str(now().minus(_moment(value)).rounded(Duration(SECOND)))


def duration(value: Value) -> str:
    """Seconds, as a decimal text or an int64, in Go's form; `0s` for anything else."""
    seconds = 0
    if isinstance(value, str):
        seconds = _saturated(value)
    elif type(value) is Int64:
        seconds = int(value)
    return duration_text(wrap_int64(seconds * SECOND))


def _saturated(text: str) -> int:
    """A decimal number; 0 when it is none, the nearest int64 when it is out of range."""
    number = parse_int(text, 10)
    if number is not None:
        return number
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return MIN_DURATION if text[0] == "-" else MAX_DURATION


def duration_round(value: Value) -> str:
    """A duration, int64 nanoseconds, or the time since a time, in the largest unit there is more than one of."""
    length = 0
    if isinstance(value, str):
        try:
            length = parse_duration(value)
        except FunctionError:
            length = 0
    elif type(value) is Int64:
        length = int(value)
    elif isinstance(value, Time):
        length = now().minus(value).nanoseconds
    size = abs(length)
    return next((f"{size // unit}{name}" for unit, name in _ROUNDING if size > unit), "0s")


def must_to_date(layout: str, text: str) -> Time:
    """The time a text says by a layout.

    Raises:
        FunctionError: the text does not have that form.
    """
    try:
        return time_of(parse_time(layout, text), local())
    except LayoutError as err:
        raise FunctionError(f"parsing time: {err}") from None


def to_date(layout: str, text: str) -> Time:
    """The time a text says by a layout; the first day of year 1 when the text does not have that form."""
    try:
        return must_to_date(layout, text)
    except FunctionError:
        return Time()


def unix_epoch(value: Time) -> str:
    """Seconds since 1970."""
    return str(value.seconds)


_S: Final = Param.STRING
_A: Final = Param.ANY
_T: Final = Param.TIME

TABLE: Final = (
    Function("now", now),
    Function("date", date, (_S, _A)),
    Function("dateInZone", date_in_zone, (_S, _A, _S)),
    Function("date_in_zone", date_in_zone, (_S, _A, _S)),
    Function("htmlDate", html_date, (_A,)),
    Function("htmlDateInZone", html_date_in_zone, (_A, _S)),
    Function("dateModify", date_modify, (_S, _T)),
    Function("date_modify", date_modify, (_S, _T)),
    Function("mustDateModify", must_date_modify, (_S, _T)),
    Function("must_date_modify", must_date_modify, (_S, _T)),
    Function("ago", ago, (_A,)),
    Function("duration", duration, (_A,)),
    Function("durationRound", duration_round, (_A,)),
    Function("toDate", to_date, (_S, _S)),
    Function("mustToDate", must_to_date, (_S, _S)),
    Function("unixEpoch", unix_epoch, (_T,)),
)
