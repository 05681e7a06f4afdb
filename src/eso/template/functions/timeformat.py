"""Writing a time with a layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from eso.template.functions.calendar import DAY, civil, days
from eso.template.functions.layouttokens import MONTHS, WEEKDAYS, tokens

__all__ = ["CivilTime", "civil_time", "format_time"]

_SUNDAY_BEFORE_EPOCH: Final = 4
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True)
class CivilTime:
    """A point in time as a clock and a calendar of some zone show it.

    Attributes:
        weekday: 0 is Sunday.
        year_day: 1 is 1 January.
        offset: of the zone, in seconds east of UTC.
        zone: abbreviation of the zone; empty when it has none.
    """

    year: int
    month: int
    day: int
    weekday: int
    year_day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    offset: int
    zone: str


def civil_time(seconds: int, nanosecond: int, offset: int, zone: str) -> CivilTime:
    """The civil time of a number of seconds since 1 January 1970 UTC, at an offset from UTC."""
    number, of_day = divmod(seconds + offset, DAY)
    year, month, day = civil(number)
    return CivilTime(
        year=year,
        month=month,
        day=day,
        weekday=(number + _SUNDAY_BEFORE_EPOCH) % 7,
        year_day=number - days(year, 1, 1) + 1,
        hour=of_day // 3600,
        minute=of_day // 60 % 60,
        second=of_day % 60,
        nanosecond=nanosecond,
        offset=offset,
        zone=zone,
    )


def _padded(number: int, width: int) -> str:
    return f"-{-number:0{width}d}" if number < 0 else f"{number:0{width}d}"


def _zone(time: CivilTime) -> str:
    if time.zone:
        return time.zone
    minutes = abs(time.offset) // 60
    return f"{'-' if time.offset < 0 else '+'}{minutes // 60:02d}{minutes % 60:02d}"


def _offset(time: CivilTime, token: str) -> str:
    if token[0] == "Z" and time.offset == 0:
        return "Z"
    seconds = abs(time.offset)
    # The sign is that of the whole minutes; an offset of less than a minute is positive.
    text = ("-" if time.offset <= -60 else "+") + f"{seconds // 3600:02d}"
    colon = ":" if ":" in token else ""
    if len(token) > 3:
        text += f"{colon}{seconds // 60 % 60:02d}"
    if len(token) > 6:
        text += f"{colon}{seconds % 60:02d}"
    return text


def _fraction(time: CivilTime, token: str) -> str:
    digits = f"{time.nanosecond:09d}"[: len(token) - 1]
    if token[1] == "9":
        digits = digits.rstrip("0")
        return token[0] + digits if digits else ""
    return token[0] + digits


def _half_day_hour(time: CivilTime) -> int:
    return time.hour % 12 or 12


_WRITERS: Final[dict[str, Callable[[CivilTime], str]]] = {
    "2006": lambda time: _padded(time.year, 4),
    "06": lambda time: _padded(abs(time.year) % 100, 2),
    "1": lambda time: str(time.month),
    "01": lambda time: f"{time.month:02d}",
    "January": lambda time: MONTHS[time.month - 1],
    "Jan": lambda time: MONTHS[time.month - 1][:3],
    "Monday": lambda time: WEEKDAYS[time.weekday],
    "Mon": lambda time: WEEKDAYS[time.weekday][:3],
    "2": lambda time: str(time.day),
    "_2": lambda time: f"{time.day:2d}",
    "02": lambda time: f"{time.day:02d}",
    "__2": lambda time: f"{time.year_day:3d}",
    "002": lambda time: f"{time.year_day:03d}",
    "15": lambda time: f"{time.hour:02d}",
    "3": lambda time: str(_half_day_hour(time)),
    "03": lambda time: f"{_half_day_hour(time):02d}",
    "4": lambda time: str(time.minute),
    "04": lambda time: f"{time.minute:02d}",
    "5": lambda time: str(time.second),
    "05": lambda time: f"{time.second:02d}",
    "PM": lambda time: "PM" if time.hour >= 12 else "AM",
    "pm": lambda time: "pm" if time.hour >= 12 else "am",
    "MST": _zone,
}


def format_time(layout: str, time: CivilTime) -> str:
    """The time written as the layout shows."""
    out: list[str] = []
    for literal, token in tokens(layout):
        out.append(literal)
        if not token:
            continue
        if token[0] in ".,":
            out.append(_fraction(time, token))
        elif token[0] in "-Z":
            out.append(_offset(time, token))
        else:
            out.append(_WRITERS[token](time))
    return "".join(out)
