"""Contract: pushsecret, A4."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.pushsecret.ledger import FOUND
from eso.controllers.pushsecret.refresh import follows_sources, is_due, next_look, pushed_version
from eso.errors import InvalidSpecError

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def push(interval: str = "1h", *, age: float | None = None, current: bool = True, **metadata: Any) -> PushSecret:
    meta = {"name": "p", "namespace": "default", "uid": "u", "generation": 3, **metadata}
    found = PushSecret.from_wire({"metadata": meta, "spec": {"refreshInterval": interval}})
    status: dict[str, Any] = {}
    if age is not None:
        status["refresh_time"] = NOW - timedelta(seconds=age)
    if age is not None:
        status["synced_resource_version"] = pushed_version(found) if current else "2-old"
    return found.model_copy(update={"status": found.status.model_copy(update=status)})


@pytest.mark.parametrize(
    ("subject", "due"),
    [
        pytest.param(push(), True, id="never synced"),
        pytest.param(push("0"), True, id="never synced, interval 0"),
        pytest.param(push(age=10), False, id="fresh"),
        pytest.param(push(age=3601), True, id="interval over"),
        pytest.param(push(age=10, current=False), True, id="edited"),
        pytest.param(push("0", age=99999), False, id="interval 0"),
        pytest.param(push("0", age=10, current=False), True, id="interval 0, edited"),
        pytest.param(push("-1s", age=99999), False, id="negative interval"),
        pytest.param(push(age=-600), True, id="refreshed in the future"),
    ],
)
def test_due(subject: PushSecret, due: bool) -> None:
    assert is_due(subject, NOW) is due


def test_an_interval_that_cannot_be_read_is_told_before_anything_is_pushed() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.refreshInterval"):
        is_due(push("soon"), NOW)


def test_the_operators_own_annotation_does_not_count_as_an_edit() -> None:
    marked = push(annotations={FOUND: "{}", "a": "b"})
    assert pushed_version(marked) == pushed_version(push(annotations={"a": "b"}))
    assert pushed_version(marked) != pushed_version(push(annotations={"a": "c"}))


@pytest.mark.parametrize(
    ("subject", "low", "high"),
    [
        (push(age=600), 3000.0, 3005.0),
        (push(age=5000), 0.01, 0.02),
        (push(), 3600.0, 3605.0),
        (push("1s", age=0), 1.0, 1.02),
    ],
)
def test_next_look(subject: PushSecret, low: float, high: float) -> None:
    found = next_look(subject, NOW)
    assert found is not None
    assert low <= found <= high


def test_interval_zero_waits_for_events() -> None:
    assert next_look(push("0", age=10), NOW) is None
    assert not follows_sources(push("0", age=10))
    assert follows_sources(push("0"))
    assert follows_sources(push(age=10))


def test_a_bad_interval_names_the_field() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.refreshInterval"):
        is_due(push("soon", age=10), NOW)
