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

from croniter import croniter

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
    last = croniter(line, now + _INSTANT).get_prev(datetime)
    return last, croniter(line, now).get_next(datetime)


@functools.lru_cache(maxsize=1024)
def _line(schedule: str) -> str | None:
    line = _DESCRIPTORS.get(schedule, schedule)
    # Stricter than the library, which also reads six fields, random and hashed values, and Sunday as 7.
    fields = line.replace("?", "*").split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields) or "7" in fields[4]:
        return None
    line = " ".join(fields)
    return line if croniter.is_valid(line) else None
