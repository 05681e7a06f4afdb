"""Time zones: Go's time.Location."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eso.template.functions.calendar import DAY
from eso.template.functions.jsongo import JsonObject
from eso.template.gotext.function import Function
from eso.template.gotext.values import Value

__all__ = ["Location", "load_location", "local", "utc"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CYCLE: Final = 146_097 * DAY
"""Seconds of 400 years, after which the calendar repeats."""

_FIRST: Final = -62_000_000_000
_LAST: Final = 253_000_000_000
"""Seconds between which Python's datetime surely can tell the offset of a zone: years 5 to 9987."""


class Location(JsonObject):
    """A time zone: UTC, a fixed offset, or one from the time zone database.

    Attributes:
        name: as Go prints it.
    """

    __slots__ = ("_offset", "_zone", "_zone_name", "name")
    go_type: ClassVar[str] = "*time.Location"
    kind: ClassVar[str] = "ptr"
    methods: ClassVar[Mapping[str, Function]] = {"String": Function("String", str)}

    def __init__(self, name: str, zone: ZoneInfo | None = None, offset: int = 0, zone_name: str | None = None) -> None:
        self.name = name
        self._zone = zone
        self._offset = offset
        self._zone_name = name if zone_name is None else zone_name

    def __str__(self) -> str:
        return self.name

    def to_json_value(self) -> Value:
        """An empty dict: it has no public fields."""
        return {}

    def lookup(self, seconds: int) -> tuple[str, int]:
        """Abbreviation of the zone and offset in seconds east of UTC, at seconds since 1 January 1970 UTC."""
        if self._zone is None:
            return self._zone_name, self._offset
        if not _FIRST <= seconds <= _LAST:
            # The rules of a zone repeat with the calendar.
            seconds = (seconds - _FIRST) % _CYCLE + _FIRST if seconds < _FIRST else _LAST - (_LAST - seconds) % _CYCLE
        moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(self._zone)
        offset = moment.utcoffset() or timedelta()
        return moment.tzname() or "", offset.days * DAY + offset.seconds

    def seconds_of(self, civil_seconds: int) -> int:
        """Seconds since 1970 UTC at which clocks show this many seconds since 1970 as if in UTC."""
        offset = self.lookup(civil_seconds)[1]
        if offset:
            # The offset that was in force then, unless a change lies between the two readings.
            corrected = self.lookup(civil_seconds - offset)[1]
            offset = offset if corrected == offset else corrected
        return civil_seconds - offset


_UTC: Final = Location("UTC")


def utc() -> Location:
    """Coordinated universal time."""
    return _UTC


@lru_cache(maxsize=256)
def _named(name: str) -> Location:
    return Location(name, ZoneInfo(name))


def load_location(name: str) -> Location | None:
    """The zone of a name from the time zone database, `UTC`, `Local` or nothing for UTC; None when there is none."""
    if name in ("", "UTC"):
        return _UTC
    if name == "Local":
        return local()
    if ".." in name or name[0] in "/\\":
        return None
    try:
        return _named(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def local() -> Location:
    """The zone of this process: what the variable TZ names, else UTC, as in the operator's image."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if name in ("", "UTC"):
        return Location("Local", zone_name="UTC")
    try:
        return Location("Local", ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Location("UTC")
