"""Go's time.Time, Month and Weekday."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from eso.template.functions.calendar import DAY, civil, days
from eso.template.functions.durations import MAX_DURATION, MIN_DURATION, SECOND, Duration
from eso.template.functions.jsongo import JsonObject
from eso.template.functions.layouttokens import MONTHS, WEEKDAYS
from eso.template.functions.locations import Location, local, utc
from eso.template.functions.timeformat import CivilTime, civil_time, format_time
from eso.template.functions.timeparsing import ParsedTime
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import Value, wrap_int64

__all__ = ["Month", "Time", "Weekday", "time_of"]

_YEAR_ONE: Final = -62_135_596_800
"""Seconds from 1 January 1970 back to 1 January of year 1, Go's zero time."""

_TEXT: Final = "2006-01-02 15:04:05.999999999 -0700 MST"
_RFC3339: Final = "2006-01-02T15:04:05.999999999Z07:00"


class _Number(JsonObject):
    """An integer with names."""

    __slots__ = ("value",)
    kind: ClassVar[str] = "int"
    names: ClassVar[tuple[str, ...]] = ()
    first: ClassVar[int] = 0
    methods: ClassVar[Mapping[str, Function]] = {"String": Function("String", str)}

    def __init__(self, value: int) -> None:
        self.value = value

    def __str__(self) -> str:
        return self.names[self.value - self.first]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and other.go_type == self.go_type and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def number(self) -> int:
        """The number."""
        return self.value

    def to_json_value(self) -> Value:
        """The number."""
        return self.value


class Month(_Number):
    """Go's time.Month: January is 1."""

    __slots__ = ()
    go_type: ClassVar[str] = "time.Month"
    names: ClassVar[tuple[str, ...]] = MONTHS
    first: ClassVar[int] = 1


class Weekday(_Number):
    """Go's time.Weekday: Sunday is 0."""

    __slots__ = ()
    go_type: ClassVar[str] = "time.Weekday"
    names: ClassVar[tuple[str, ...]] = WEEKDAYS


class Time(JsonObject):
    """A point in time and the zone to show it in.

    Attributes:
        seconds: since 1 January 1970 UTC.
        nanosecond: within the second.
        location: the zone.
    """

    __slots__ = ("_civil", "location", "nanosecond", "seconds")
    go_type: ClassVar[str] = "time.Time"
    kind: ClassVar[str] = "struct"
    methods: ClassVar[Mapping[str, Function]] = {}

    def __init__(self, seconds: int = _YEAR_ONE, nanosecond: int = 0, location: Location | None = None) -> None:
        self.seconds = seconds
        self.nanosecond = nanosecond
        self.location = location or utc()
        self._civil: CivilTime | None = None

    def __str__(self) -> str:
        return self.format(_TEXT)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.moment() == other.moment() and self.location is other.location

    def __hash__(self) -> int:
        return hash(self.moment())

    def moment(self) -> int:
        """Nanoseconds since 1 January 1970 UTC."""
        return self.seconds * SECOND + self.nanosecond

    def civil(self) -> CivilTime:
        """What a clock and a calendar of the zone show."""
        if self._civil is None:
            zone, offset = self.location.lookup(self.seconds)
            self._civil = civil_time(self.seconds, self.nanosecond, offset, zone)
        return self._civil

    def format(self, layout: str) -> str:
        """The time as the layout shows."""
        return format_time(layout, self.civil())

    def to_json_value(self) -> Value:
        """Its RFC 3339 text.

        Raises:
            FunctionError: the format has no room for the year or the zone.
        """
        shown = self.civil()
        if not 0 <= shown.year <= 9999:
            raise FunctionError("json: error calling MarshalJSON for type time.Time: year outside of range [0,9999]")
        if abs(shown.offset) >= DAY:
            raise FunctionError(
                "json: error calling MarshalJSON for type time.Time: timezone hour outside of range [0,23]"
            )
        return self.format(_RFC3339)

    def in_location(self, location: Location) -> Time:
        """The same moment in another zone."""
        return Time(self.seconds, self.nanosecond, location)

    def plus(self, nanoseconds: int) -> Time:
        """The time so much later."""
        seconds, nanosecond = divmod(self.moment() + nanoseconds, SECOND)
        return Time(seconds, nanosecond, self.location)

    def minus(self, other: Time) -> Duration:
        """The duration since another time, at most what fits a duration."""
        return Duration(max(MIN_DURATION, min(self.moment() - other.moment(), MAX_DURATION)))

    def add_date(self, years: int, months: int, number: int) -> Time:
        """The time so many years, months and days later; days that a month lacks run into the next."""
        shown = self.civil()
        carried, month = divmod(shown.month - 1 + months, 12)
        total = days(shown.year + years + carried, month + 1, shown.day) + number
        of_day = (shown.hour * 60 + shown.minute) * 60 + shown.second
        return Time(self.location.seconds_of(total * DAY + of_day), self.nanosecond, self.location)

    def iso_week(self) -> int:
        """The day number of the Thursday of its week."""
        shown = self.civil()
        return days(shown.year, shown.month, shown.day) + 3 - (shown.weekday - 1) % 7

    def truncated(self, step: Duration) -> Time:
        """Rounded down to a multiple of the duration since year 1."""
        if step.nanoseconds <= 0:
            return self
        return self.plus(-((self.moment() - _YEAR_ONE * SECOND) % step.nanoseconds))

    def rounded(self, step: Duration) -> Time:
        """Rounded to the nearest multiple of the duration since year 1, halves up."""
        if step.nanoseconds <= 0:
            return self
        rest = (self.moment() - _YEAR_ONE * SECOND) % step.nanoseconds
        return self.plus(-rest if rest * 2 < step.nanoseconds else step.nanoseconds - rest)


def time_of(parsed: ParsedTime, default: Location) -> Time:
    """The time that a text said; without a zone it is in `default`."""
    of_day = (parsed.hour * 60 + parsed.minute) * 60 + parsed.second
    shown = days(parsed.year, parsed.month, parsed.day) * DAY + of_day
    if parsed.utc:
        return Time(shown, parsed.nanosecond, utc())
    if parsed.offset is not None:
        seconds = shown - parsed.offset
        name, offset = default.lookup(seconds)
        if offset == parsed.offset and parsed.zone in ("", name):
            return Time(seconds, parsed.nanosecond, default)
        return Time(seconds, parsed.nanosecond, Location(parsed.zone, offset=parsed.offset))
    if parsed.zone:
        return _in_named_zone(shown, parsed, default)
    return Time(default.seconds_of(shown), parsed.nanosecond, default)


def _in_named_zone(shown: int, parsed: ParsedTime, default: Location) -> Time:
    seconds = default.seconds_of(shown)
    if default.lookup(seconds)[0] == parsed.zone:
        return Time(seconds, parsed.nanosecond, default)
    for half_year in (-DAY * 182, DAY * 182):
        name, offset = default.lookup(seconds + half_year)
        if name == parsed.zone:
            # An abbreviation of the zone's other season still says its offset.
            return Time(shown - offset, parsed.nanosecond, default)
    # Otherwise it says nothing about the offset; only GMT+3 and the like do.
    digits = parsed.zone.removeprefix("GMT")
    hours = int(digits) if parsed.zone.startswith("GMT") and digits else 0
    return Time(shown, parsed.nanosecond, Location(parsed.zone, offset=hours * 3600))


def _compare(left: Time, right: Time) -> int:
    return (left.moment() > right.moment()) - (left.moment() < right.moment())


def _iso_year(time: Time) -> int:
    return civil(time.iso_week())[0]


def _methods() -> Mapping[str, Function]:
    other, duration, number = (Param.TIME,), (Param.DURATION,), Param.INT
    table = (
        Function("Year", lambda time: time.civil().year),
        Function("Month", lambda time: Month(time.civil().month)),
        Function("Day", lambda time: time.civil().day),
        Function("Hour", lambda time: time.civil().hour),
        Function("Minute", lambda time: time.civil().minute),
        Function("Second", lambda time: time.civil().second),
        Function("Nanosecond", lambda time: time.nanosecond),
        Function("Weekday", lambda time: Weekday(time.civil().weekday)),
        Function("YearDay", lambda time: time.civil().year_day),
        Function("Unix", lambda time: wrap_int64(time.seconds)),
        Function("UnixMilli", lambda time: wrap_int64(time.moment() // 1_000_000)),
        Function("UnixMicro", lambda time: wrap_int64(time.moment() // 1_000)),
        Function("UnixNano", lambda time: wrap_int64(time.moment())),
        Function("String", str),
        Function("Format", Time.format, (Param.STRING,)),
        Function("AddDate", Time.add_date, (number, number, number)),
        Function("Add", lambda time, length: time.plus(length.nanoseconds), duration),
        Function("Sub", Time.minus, other),
        Function("Before", lambda time, later: time.moment() < later.moment(), other),
        Function("After", lambda time, earlier: time.moment() > earlier.moment(), other),
        Function("Equal", lambda time, same: time.moment() == same.moment(), other),
        Function("Compare", _compare, other),
        Function("IsZero", lambda time: time.seconds == _YEAR_ONE and time.nanosecond == 0),
        Function("Truncate", Time.truncated, duration),
        Function("Round", Time.rounded, duration),
        Function("UTC", lambda time: time.in_location(utc())),
        Function("Local", lambda time: time.in_location(local())),
        Function("In", Time.in_location, (Param.LOCATION,)),
        Function("Location", lambda time: time.location),
    )
    return {function.name: function for function in table}


Time.methods = _methods()
