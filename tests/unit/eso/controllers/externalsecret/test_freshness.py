"""How old a shared value may be, by what brought the object here."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from eso.controllers.externalsecret.freshness import news_within, reusable
from eso.controllers.externalsecret.refresh import version_of
from eso.controllers.pacing import Retries
from eso.errors import NoSecretError
from reconcile.api.request import Request
from reconcile.testing.loop import run
from tests.support.builders import external_secret

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
SYNCED = {"refreshTime": "2026-03-04T11:00:00Z"}


@pytest.mark.parametrize(
    ("interval", "synced", "forced", "age"),
    [
        ("1h", "current", False, 10.0),
        ("1m", "current", False, 3.0),
        ("1h", None, False, 10.0),
        ("1h", "1-other", False, 0.0),
        ("1h", "current", True, 0.0),
        ("0", None, False, 0.0),
    ],
)
def test_an_edit_asks_anew(interval: str, synced: str | None, forced: bool, age: float) -> None:
    spec = {"refreshInterval": interval}
    version = version_of(external_secret(spec=spec)) if synced == "current" else synced
    es = external_secret(spec=spec, status={"syncedResourceVersion": version} if version else {})
    assert reusable(es, forced=forced) == age


@pytest.mark.parametrize(
    ("status", "created", "failed_ago", "valid", "age"),
    [
        (SYNCED, "2026-03-04T10:00:00Z", None, True, math.inf),
        (SYNCED, "2026-03-04T10:00:00Z", None, False, 0.0),  # missing or damaged
        (SYNCED, "2026-03-04T10:00:00Z", 4.0, True, 4.0),
        ({}, "2026-03-04T11:59:00Z", 4.0, False, 4.0),
        ({}, "2026-03-04T11:59:00Z", None, False, 58.0),
        ({}, "2026-03-04T11:59:59Z", None, False, 0.0),
        ({}, "2026-03-04T12:00:09Z", None, False, 0.0),  # by a clock that is ahead
        ({}, "2026-03-04T11:59:59Z", None, True, 0.0),  # Orphan: nothing is there, and that is right
        ({}, None, None, False, 0.0),
    ],
)
def test_what_is_news(
    status: dict[str, str], created: str | None, failed_ago: float | None, valid: bool, age: float
) -> None:
    es = external_secret(status=status, metadata={"creationTimestamp": created} if created else {})
    assert news_within(es, NOW, failed_ago, valid=valid) == age


def test_an_edit_after_a_failure_asks_anew() -> None:
    async def main() -> None:
        retries, request = Retries(), Request("ns", "es")
        assert retries.failed_ago(request, "1") is None
        retries.pause(request, NoSecretError("no"), 3600, version="1")
        assert retries.failed_ago(request, "1") == 0.0
        retries.pause(request, NoSecretError("no"), 3600, version="2")
        assert retries.failed_ago(request, "3") == 0.0
        retries.forget(request)
        assert retries.failed_ago(request, "3") is None

    run(main())
