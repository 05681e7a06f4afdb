"""Which ExternalSecrets are refreshed together, and when that makes them due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eso.controllers.externalsecret.grouping import slot_group
from eso.controllers.externalsecret.refresh import next_look, should_refresh, version_of
from eso.controllers.slots import SlotGroup
from tests.support.builders import external_secret

GENERATOR = {"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}
OTHER = {"storeRef": {"kind": "ClusterSecretStore", "name": "all"}}


def entry(key: str, **more: Any) -> dict[str, Any]:
    return {"secretKey": key, "remoteRef": {"key": key}, **more}


@pytest.mark.parametrize(
    ("spec", "group"),
    [
        ({"data": [entry("b"), entry("a")]}, SlotGroup("SecretStore/default/store", "a")),
        ({"data": [entry("a", sourceRef=OTHER)]}, SlotGroup("ClusterSecretStore/all", "a")),
        ({"data": None, "dataFrom": [{"extract": {"key": "x"}}]}, SlotGroup("SecretStore/default/store", "x")),
        ({"data": [entry("a")], "dataFrom": [GENERATOR]}, None),
        ({"data": []}, None),
    ],
)
def test_a_group_is_a_store_and_a_key(spec: dict[str, Any], group: SlotGroup | None) -> None:
    assert slot_group(external_secret(spec=spec)) == group


def test_equal_searches_are_one_group() -> None:
    def find(regexp: str) -> SlotGroup | None:
        return slot_group(external_secret(spec={"data": None, "dataFrom": [{"find": {"name": {"regexp": regexp}}}]}))

    assert find("^a") == find("^a") != find("^b")


@pytest.mark.parametrize(("interval", "seconds", "exact"), [("59s", 59, True), ("1m", 60, False), ("1h", 3600, False)])
def test_only_short_intervals_are_exact(interval: str, seconds: int, exact: bool) -> None:
    refreshed = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
    spec = {"refreshInterval": interval}
    version = version_of(external_secret(spec=spec))
    status = {"refreshTime": "2026-03-04T12:00:00Z", "syncedResourceVersion": version}
    seen = set()
    for key in "abcdefgh":
        es = external_secret(spec={**spec, "data": [entry(key)]}, status=status)
        group = slot_group(es)
        wait = next_look(es, refreshed, group)
        assert wait is not None
        assert 0.9 * seconds <= wait <= seconds * 1.02
        due = refreshed + timedelta(seconds=wait)
        assert not should_refresh(es, refreshed + timedelta(seconds=0.9 * seconds - 0.01), group)
        assert should_refresh(es, due + timedelta(milliseconds=1), group)
        assert next_look(es, due, group) == pytest.approx(0.01, abs=0.001)
        seen.add(round(wait, 3))
    assert (len(seen) == 1) is exact
