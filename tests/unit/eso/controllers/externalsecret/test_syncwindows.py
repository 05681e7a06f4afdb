"""Contract: externalsecret, section 7."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eso.api.externalsecrets_v1.externalsecret import SyncWindows
from eso.controllers.externalsecret.syncwindows import evaluate


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def windows(kind: str, *entries: tuple[str, str]) -> SyncWindows:
    return SyncWindows.model_validate({"kind": kind, "windows": [{"schedule": s, "duration": d} for s, d in entries]})


NOON = "2026-03-04T12:00:00"  # a Wednesday


@pytest.mark.parametrize(
    ("schedule", "duration", "now", "active"),
    [
        ("0 12 * * *", "1h", NOON, True),
        ("0 12 * * *", "1h", "2026-03-04T13:00:00", True),
        ("0 12 * * *", "1h", "2026-03-04T13:00:01", False),
        ("0 12 * * *", "1h", "2026-03-04T11:59:59", False),
        ("0 12 * * *", "24h", "2026-03-04T11:00:00", True),
        ("0 12 * * MON", "1h", NOON, False),
        ("0 12 * * WED", "1h", NOON, True),
        ("0 12 1 * WED", "1h", NOON, True),  # day of month or day of week, when both are restricted
        ("0 12 4 * MON", "1h", NOON, True),
        ("0 12 1 * MON", "1h", NOON, False),
        ("*/15 * * * *", "5m", "2026-03-04T12:16:00", True),
        ("*/15 * * * *", "5m", "2026-03-04T12:21:00", False),
        ("@daily", "1h", "2026-03-04T00:30:00", True),
        ("@midnight", "1h", "2026-03-04T01:30:00", False),
        ("@hourly", "10m", "2026-03-04T12:05:00", True),
        ("@weekly", "1h", "2026-03-01T00:30:00", True),
        ("@monthly", "1h", "2026-03-01T00:30:00", True),
        ("@yearly", "1h", "2026-01-01T00:30:00", True),
        ("@annually", "1h", "2026-03-01T00:30:00", False),
        ("@every 1h", "10m", "2026-03-04T12:05:00", True),
        ("@every 1h", "10m", "2026-03-04T12:20:00", False),
        ("0 12 * * 7", "1h", NOON, False),  # seven is no day of the week in Go
        ("61 12 * * *", "1h", NOON, False),
        ("0 12 */1 * MON", "1h", NOON, False),  # a step of one restricts nothing
        ("0 12 31 * */1", "1h", NOON, False),
        ("10-5 12 * * *", "1h", NOON, False),  # backwards
        ("0 12 * * FRI-wed", "1h", NOON, False),
        ("0 12 * JAN-mar *", "1h", NOON, True),
        ("0 12 31 2 *", "1h", NOON, False),  # a day that never comes
        ("nonsense", "1h", NOON, False),
        ("0 12 * * *", "soon", NOON, False),
        ("@every soon", "1h", NOON, False),
    ],
)
def test_a_window_is_active(schedule: str, duration: str, now: str, active: bool) -> None:
    assert evaluate(windows("allow", (schedule, duration)), at(now)).permitted is active
    assert evaluate(windows("deny", (schedule, duration)), at(now)).permitted is not active


def test_no_windows_permit_everything() -> None:
    assert evaluate(None, at(NOON)).permitted
    assert evaluate(SyncWindows.model_construct(kind="allow", windows=[]), at(NOON)).permitted


def test_one_active_window_of_several_is_enough() -> None:
    state = evaluate(windows("allow", ("0 3 * * *", "1h"), ("0 12 * * *", "1h")), at(NOON))
    assert state.permitted


@pytest.mark.parametrize(
    ("kind", "now", "change"),
    [
        ("allow", "2026-03-04T11:00:00", "2026-03-04T12:00:00"),
        ("deny", "2026-03-04T12:30:00", "2026-03-04T13:00:00.000001"),
    ],
)
def test_the_next_change_is_known(kind: str, now: str, change: str) -> None:
    state = evaluate(windows(kind, ("0 12 * * *", "1h")), at(now))
    assert not state.permitted
    assert state.next_change == at(change)
    assert evaluate(windows(kind, ("0 12 * * *", "1h")), state.next_change).permitted
