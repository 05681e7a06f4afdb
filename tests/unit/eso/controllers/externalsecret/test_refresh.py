"""Contract: externalsecret, sections 6 and 8, and vectors of 4.2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eso.controllers.externalsecret.refresh import next_look, should_refresh, version_of
from eso.errors import InvalidSpecError
from tests.support.builders import external_secret

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def stamp(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")


def es(
    policy: str | None = None,
    interval: str | None = "1h",
    *,
    ago: float | None = 60,
    synced: str | None = "current",
    **spec: Any,
):
    fields: dict[str, Any] = {**spec}
    if policy is not None:
        fields["refreshPolicy"] = policy
    if interval is not None:
        fields["refreshInterval"] = interval
    status: dict[str, Any] = {}
    if ago is not None:
        status["refreshTime"] = stamp(ago)
    if synced == "current":
        synced = version_of(external_secret(spec=fields))
    if synced is not None:
        status["syncedResourceVersion"] = synced
    return external_secret(spec=fields, status=status)


def test_vectors_of_the_synced_version() -> None:
    assert version_of(external_secret()) == "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"
    metadata = {"generation": 3, "annotations": {"foo": "bar"}, "labels": {"a": "b", "c": "d"}}
    assert (
        version_of(external_secret(metadata=metadata)) == "3-97569f565a86f07abfa74d5100098635280de1ce97127debaaa353f1"
    )


@pytest.mark.parametrize("policy", [None, "Periodic"])
@pytest.mark.parametrize(
    ("interval", "ago", "synced", "due"),
    [
        ("1h", 60, "current", False),
        ("1h", 3600, "current", False),  # not strictly before now
        ("1h", 3601, "current", True),
        ("1h", 60, "1-other", True),
        ("1h", None, "current", True),
        ("1h", None, None, True),
        ("1h", -60, "current", True),  # in the future
        ("0", 9999, "current", False),
        ("0", 9999, "1-other", False),  # interval zero ignores edits
        ("0", None, None, True),
        ("-1h", 9999, "1-other", False),
    ],
)
def test_periodic(policy: str | None, interval: str, ago: float | None, synced: str | None, due: bool) -> None:
    assert should_refresh(es(policy, interval, ago=ago, synced=synced), NOW) is due


@pytest.mark.parametrize(
    ("policy", "ago", "synced", "due"),
    [
        ("CreatedOnce", None, None, True),
        ("CreatedOnce", None, "current", True),
        ("CreatedOnce", 60, None, True),
        ("CreatedOnce", 999999, "current", False),
        ("CreatedOnce", 60, "1-other", False),
        ("OnChange", None, None, True),
        ("OnChange", 999999, "current", False),
        ("OnChange", 60, "1-other", True),
    ],
)
def test_other_policies(policy: str, ago: float | None, synced: str | None, due: bool) -> None:
    assert should_refresh(es(policy, ago=ago, synced=synced), NOW) is due


DENY_NOW = {"kind": "deny", "windows": [{"schedule": "0 12 * * *", "duration": "30m"}]}
ALLOW_LATER = {"kind": "allow", "windows": [{"schedule": "0 14 * * *", "duration": "30m"}]}


@pytest.mark.parametrize("windows", [DENY_NOW, ALLOW_LATER])
def test_windows_hold_back_only_what_time_made_due(windows: dict[str, Any]) -> None:
    assert not should_refresh(es(ago=7200, syncWindows=windows), NOW)
    assert should_refresh(es(ago=7200, synced="1-other", syncWindows=windows), NOW)
    assert should_refresh(es(ago=None, synced=None, syncWindows=windows), NOW)
    assert should_refresh(es("OnChange", synced="1-other", syncWindows=windows), NOW)


def test_a_held_back_refresh_waits_for_the_edge_of_its_window() -> None:
    assert next_look(es(ago=7200, syncWindows=DENY_NOW), NOW) == pytest.approx(1800, abs=0.01)
    assert next_look(es(ago=7200, syncWindows=ALLOW_LATER), NOW) == pytest.approx(7200, abs=0.01)


@pytest.mark.parametrize("policy", ["CreatedOnce", "OnChange"])
def test_finished_objects_are_not_polled(policy: str) -> None:
    assert next_look(es(policy, ago=999999), NOW) is None


def test_the_next_look_is_at_the_interval_with_a_stable_phase() -> None:
    waits = {next_look(es(ago=60), NOW) for _ in range(3)}
    assert len(waits) == 1
    assert 3540 <= waits.pop() <= 3545
    assert next_look(es(interval="0"), NOW) is None
    assert 0 < next_look(es(interval="1s", ago=0.5), NOW) <= 0.53


def test_a_missing_interval_is_one_hour() -> None:
    assert next_look(es(interval=None, ago=None), NOW) == 3600


def test_a_bad_interval_names_field_and_fix() -> None:
    with pytest.raises(InvalidSpecError, match=r'spec\.refreshInterval: .*"10".*write a Go duration'):
        should_refresh(es(interval="10"), NOW)
