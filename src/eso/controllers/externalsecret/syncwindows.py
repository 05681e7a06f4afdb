"""Sync windows: when a time-driven refresh may run.

Schedules are cron lines of five fields or a descriptor (`@daily`, `@every 6h`), read in UTC. `@every` counts from the Unix
epoch, so that it means the same on every replica and after every restart.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from croniter import CroniterBadDateError, croniter

from eso.api.duration import parse_duration
from eso.api.externalsecrets_v1.externalsecret import SyncWindow, SyncWindows

__all__ = ["WindowState", "evaluate"]

_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELD: Final = re.compile(
    r"(\*|\d+|[A-Za-z]{3})(-(\d+|[A-Za-z]{3}))?(/\d+)?(,(\*|\d+|[A-Za-z]{3})(-(\d+|[A-Za-z]{3}))?(/\d+)?)*"
)
_RANGE: Final = re.compile(r"(\w+)-(\w+)")
_EVERY_STEP: Final = re.compile(r"\*/0*1(?!\d)")
_NAMES: Final = {
    name: number
    for names, first in (
        (("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 0),
        (("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1),
    )
    for number, name in enumerate(names, first)
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WindowState:
    """What the windows say at one moment.

    Attributes:
        permitted: whether a time-driven refresh may run now.
        next_change: when the answer may change; None when it never does.
    """

    permitted: bool
    next_change: datetime | None


def evaluate(windows: SyncWindows | None, now: datetime) -> WindowState:
    """Whether `now` (aware, UTC) lies in a permitted time.

    No windows permit everything. `allow` permits while any window is active, `deny` while none is; both ends of a window
    belong to it. A window whose schedule or duration cannot be read counts as never active.
    """
    if windows is None or not windows.windows:
        return WindowState(True, None)
    active = False
    changes: list[datetime] = []
    for window in windows.windows:
        ends, begins = _around(window, now)
        if ends is not None:
            active = True
            changes.append(ends)
        if begins is not None:
            changes.append(begins)
    permitted = {"allow": active, "deny": not active}.get(windows.kind, True)
    return WindowState(permitted, _soonest(changes))


def _soonest(moments: Iterable[datetime]) -> datetime | None:
    return min(moments, default=None)


def _around(window: SyncWindow, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When the active run of this window ends (None: not active), and when the next one begins."""
    try:
        duration = timedelta(seconds=parse_duration(window.duration))
    except (ValueError, OverflowError):
        return None, None
    firings = _firings(window.schedule, now)
    if firings is None:
        return None, None
    last, following = firings
    ends = last + duration
    return (ends + _INSTANT if now <= ends else None), following


def _firings(schedule: str, now: datetime) -> tuple[datetime, datetime] | None:
    """The last firing at or before `now` and the first one after it."""
    if schedule.startswith("@every "):
        try:
            seconds = max(1, int(parse_duration(schedule.removeprefix("@every ").strip())))
        except ValueError:
            return None
        elapsed = int((now - _EPOCH).total_seconds())
        last = _EPOCH + timedelta(seconds=elapsed - elapsed % seconds)
        return last, last + timedelta(seconds=seconds)
    line = _line(schedule)
    if line is None:
        return None
    try:
        last = croniter(line, now + _INSTANT).get_prev(datetime)
        return last, croniter(line, now).get_next(datetime)
    except CroniterBadDateError:
        return None  # a day that never comes: 30 February


@functools.lru_cache(maxsize=1024)
def _line(schedule: str) -> str | None:
    line = _DESCRIPTORS.get(schedule, schedule)
    # Stricter than the library, which also reads six fields, random and hashed values, ranges that run backwards, and Sunday as 7.
    # It takes `*/1` for a restriction, which upstream's does not: the days of month and week would be alternatives then.
    fields = _EVERY_STEP.sub("*", line.replace("?", "*")).split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields) or "7" in fields[4]:
        return None
    if any(_number(start) > _number(end) for field in fields for start, end in _RANGE.findall(field)):
        return None
    line = " ".join(fields)
    return line if croniter.is_valid(line) else None


def _number(text: str) -> int:
    """A number, or what the name of a month or day stands for; the library refuses names that are none."""
    return int(text) if text.isdigit() else _NAMES.get(text.lower(), 0)
