"""Reading a time that was written with a layout."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from eso.template.functions.calendar import days_before_month, days_in, is_leap
from eso.template.functions.layouttokens import MONTHS, WEEKDAYS, tokens

__all__ = ["LayoutError", "ParsedTime", "parse_time"]

_FRACTION: Final = re.compile(r"[.,]([0-9]+)")
_SIGNED_HOURS: Final = re.compile(r"[-+]0*([0-9]+)")
_UPPER: Final = re.compile(r"[A-Z]{1,6}")


class LayoutError(ValueError):
    """A text does not have the form of the layout; the message says which part, never the text."""


@dataclass(slots=True)
class ParsedTime:
    """What a text said.

    Attributes:
        offset: seconds east of UTC, when the text gave a number.
        zone: an abbreviation of a zone, when the text gave one.
        utc: the text said `Z` or `UTC`.
    """

    year: int = 0
    month: int = -1
    day: int = -1
    year_day: int = -1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0
    afternoon: bool | None = None
    offset: int | None = None
    zone: str = ""
    utc: bool = False


class _OutOfRange(LayoutError):
    """A number is too large for its place."""


def _nanoseconds(digits: str) -> int:
    return int(digits[:9].ljust(9, "0"))


class _Reader:
    """Goes through the text, one part of the layout at a time."""

    def __init__(self, text: str) -> None:
        self._rest = text
        self.time = ParsedTime()
        self._next = ""

    def skip(self, literal: str) -> None:
        """Go past literal text; a run of blanks stands for any number of them."""
        while literal:
            if literal[0] == " ":
                if self._rest and self._rest[0] != " ":
                    raise LayoutError("text does not match the layout")
                literal, self._rest = literal.lstrip(" "), self._rest.lstrip(" ")
            elif self._rest[:1] != literal[0]:
                raise LayoutError("text does not match the layout")
            else:
                literal, self._rest = literal[1:], self._rest[1:]

    def finish(self) -> None:
        """Refuse what the layout does not explain."""
        if self._rest:
            raise LayoutError("extra text behind the time")

    def read(self, token: str, following: str) -> None:
        """Read what the token stands for.

        Raises:
            LayoutError: the text has something else there.
        """
        self._next = following
        if token[0] in ".,":
            self._fraction(token)
        elif token[0] in "-Z":
            self._offset(token)
        else:
            _READERS[token](self)

    def _take(self, length: int) -> str:
        if len(self._rest) < length:
            raise LayoutError("text ends too early")
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def _digit_count(self, most: int) -> int:
        count = 0
        while count < most and self._rest[count : count + 1].isascii() and self._rest[count : count + 1].isdigit():
            count += 1
        return count

    def _integer(self, most: int, fixed: bool) -> int:
        count = self._digit_count(most)
        if count == 0 or (fixed and count < most):
            raise LayoutError("a number is missing")
        return int(self._take(count))

    def _bounded(self, name: str, low: int, high: int, fixed: bool) -> int:
        number = self._integer(2, fixed)
        if not low <= number <= high:
            raise _OutOfRange(f"{name} out of range")
        return number

    def _name(self, names: tuple[str, ...]) -> int:
        for index, name in enumerate(names):
            if self._rest[: len(name)].lower() == name.lower():
                self._rest = self._rest[len(name) :]
                return index
        raise LayoutError("a name is missing")

    def year(self) -> None:
        """Four digits."""
        if self._digit_count(4) < 4:
            raise LayoutError("a year is missing")
        self.time.year = int(self._take(4))

    def short_year(self) -> None:
        """Two digits: 69 to 99 are of the last century."""
        text = self._take(2)
        if re.fullmatch(r"[-+]?[0-9]+", text, re.ASCII) is None:
            raise LayoutError("a year is missing")
        self.time.year = int(text) + (1900 if int(text) >= 69 else 2000)

    def month(self) -> None:
        """One or two digits."""
        self.time.month = self._bounded("month", 1, 12, fixed=False)

    def zero_month(self) -> None:
        """Two digits."""
        self.time.month = self._bounded("month", 1, 12, fixed=True)

    def month_name(self) -> None:
        """The whole name."""
        self.time.month = self._name(MONTHS) + 1

    def short_month_name(self) -> None:
        """Three letters."""
        self.time.month = self._name(tuple(name[:3] for name in MONTHS)) + 1

    def weekday_name(self) -> None:
        """The whole name; it is not compared with the date."""
        self._name(WEEKDAYS)

    def short_weekday_name(self) -> None:
        """Three letters; they are not compared with the date."""
        self._name(tuple(name[:3] for name in WEEKDAYS))

    def day(self) -> None:
        """One or two digits."""
        self.time.day = self._integer(2, fixed=False)

    def padded_day(self) -> None:
        """One or two digits, after a blank if there is one."""
        self._rest = self._rest.removeprefix(" ")
        self.day()

    def zero_day(self) -> None:
        """Two digits."""
        self.time.day = self._integer(2, fixed=True)

    def padded_year_day(self) -> None:
        """Up to three digits after up to two blanks."""
        self._rest = self._rest.removeprefix(" ").removeprefix(" ")
        self.time.year_day = self._integer(3, fixed=False)

    def zero_year_day(self) -> None:
        """Three digits."""
        self.time.year_day = self._integer(3, fixed=True)

    def hour(self) -> None:
        """0 to 23."""
        self.time.hour = self._bounded("hour", 0, 23, fixed=False)

    def half_day_hour(self) -> None:
        """0 to 12, one or two digits."""
        self.time.hour = self._bounded("hour", 0, 12, fixed=False)

    def zero_half_day_hour(self) -> None:
        """0 to 12, two digits."""
        self.time.hour = self._bounded("hour", 0, 12, fixed=True)

    def minute(self) -> None:
        """One or two digits."""
        self.time.minute = self._bounded("minute", 0, 59, fixed=False)

    def zero_minute(self) -> None:
        """Two digits."""
        self.time.minute = self._bounded("minute", 0, 59, fixed=True)

    def second(self) -> None:
        """One or two digits, and a fraction that the layout does not mention."""
        self.time.second = self._bounded("second", 0, 59, fixed=False)
        self._unmentioned_fraction()

    def zero_second(self) -> None:
        """Two digits, and a fraction that the layout does not mention."""
        self.time.second = self._bounded("second", 0, 59, fixed=True)
        self._unmentioned_fraction()

    def _unmentioned_fraction(self) -> None:
        found = _FRACTION.match(self._rest)
        if found is not None and self._next[:1] not in (".", ","):
            self.time.nanosecond = _nanoseconds(found[1])
            self._rest = self._rest[found.end() :]

    def _fraction(self, token: str) -> None:
        if token[1] == "9":
            found = _FRACTION.match(self._rest)
            if found is not None:
                self.time.nanosecond = _nanoseconds(found[1])
                self._rest = self._rest[found.end() :]
            return
        text = self._take(len(token))
        found = _FRACTION.fullmatch(text)
        if found is None:
            raise LayoutError("a fraction of a second is missing")
        self.time.nanosecond = _nanoseconds(found[1])

    def half_day(self) -> None:
        """AM or PM."""
        self._half("AM", "PM")

    def small_half_day(self) -> None:
        """Am or pm."""
        self._half("am", "pm")

    def _half(self, morning: str, afternoon: str) -> None:
        text = self._take(2)
        if text not in (morning, afternoon):
            raise LayoutError("AM or PM is missing")
        # A morning does not undo an afternoon that was read before.
        self.time.afternoon = text == afternoon or self.time.afternoon is True

    def _offset(self, token: str) -> None:
        if token[0] == "Z" and self._rest.startswith("Z"):
            self._rest = self._rest[1:]
            self.time.utc = True
            return
        text = self._take(len(token))
        form = (
            token.replace("Z", "-").replace("07", "([0-9][0-9])").replace("00", "([0-9][0-9])").replace("-", "[-+]", 1)
        )
        found = re.fullmatch(form, text, re.ASCII)
        if found is None:
            raise LayoutError("a zone offset is missing")
        hours, minutes, seconds = [int(part) for part in (*found.groups(), "0", "0")][:3]
        if hours > 24 or minutes > 60 or seconds > 60:
            raise _OutOfRange("time zone offset out of range")
        total = (hours * 60 + minutes) * 60 + seconds
        self.time.offset = -total if text[0] == "-" else total

    def zone(self) -> None:
        """The abbreviation of a zone."""
        if self._rest.startswith("UTC"):
            self._rest = self._rest[3:]
            self.time.utc = True
            return
        length = _zone_length(self._rest)
        if not length:
            raise LayoutError("a time zone is missing")
        self.time.zone = self._take(length)


def _signed_hours_length(text: str) -> int:
    found = _SIGNED_HOURS.match(text)
    return found.end() if found is not None and int(found[1][:19]) <= 23 else 0


def _zone_length(text: str) -> int:
    """How much of the text is an abbreviation of a zone; 0 for none."""
    if len(text) < 3:
        return 0
    if text[:4] in ("ChST", "MeST"):
        return 4
    if text.startswith("GMT"):
        return 3 + _signed_hours_length(text[3:])
    if text[0] in "+-":
        return _signed_hours_length(text)
    found = _UPPER.match(text)
    count = found.end() if found is not None else 0
    if count == 5:
        return 5 if text[4] == "T" else 0
    if count == 4:
        return 4 if text[3] == "T" or text[:4] == "WITA" else 0
    return 3 if count == 3 else 0


_READERS: Final[dict[str, Callable[[_Reader], None]]] = {
    "2006": _Reader.year,
    "06": _Reader.short_year,
    "1": _Reader.month,
    "01": _Reader.zero_month,
    "January": _Reader.month_name,
    "Jan": _Reader.short_month_name,
    "Monday": _Reader.weekday_name,
    "Mon": _Reader.short_weekday_name,
    "2": _Reader.day,
    "_2": _Reader.padded_day,
    "02": _Reader.zero_day,
    "__2": _Reader.padded_year_day,
    "002": _Reader.zero_year_day,
    "15": _Reader.hour,
    "3": _Reader.half_day_hour,
    "03": _Reader.zero_half_day_hour,
    "4": _Reader.minute,
    "04": _Reader.zero_minute,
    "5": _Reader.second,
    "05": _Reader.zero_second,
    "PM": _Reader.half_day,
    "pm": _Reader.small_half_day,
    "MST": _Reader.zone,
}


def _date_of_year_day(time: ParsedTime) -> tuple[int, int]:
    """Month and day of a day of the year."""
    number = time.year_day
    if is_leap(time.year):
        if number == 31 + 29:
            return 2, 29
        number -= number > 31 + 29
    if not 1 <= number <= 365:
        raise _OutOfRange("day-of-year out of range")
    month = next(month for month in range(1, 13) if number <= days_before_month(month + 1))
    return month, number - days_before_month(month)


def _settle_date(time: ParsedTime) -> None:
    if time.year_day >= 0:
        month, day = _date_of_year_day(time)
        if time.month not in (-1, month):
            raise LayoutError("day-of-year does not match month")
        if time.day not in (-1, day):
            raise LayoutError("day-of-year does not match day")
        time.month, time.day = month, day
    time.month = 1 if time.month < 0 else time.month
    time.day = 1 if time.day < 0 else time.day
    if not 1 <= time.day <= days_in(time.month, time.year):
        raise _OutOfRange("day out of range")


def parse_time(layout: str, text: str) -> ParsedTime:
    """What the text says, read by the layout.

    Raises:
        LayoutError: it does not have that form, or names no real date.
    """
    reader = _Reader(text)
    parts = tokens(layout)
    for index, (literal, token) in enumerate(parts):
        reader.skip(literal)
        if token:
            literal_behind, following = parts[index + 1]
            reader.read(token, "" if literal_behind else following)
    reader.finish()
    time = reader.time
    if time.afternoon and time.hour < 12:
        time.hour += 12
    elif time.afternoon is False and time.hour == 12:
        time.hour = 0
    _settle_date(time)
    return time
