from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter

from reconcile.exposition import PlainCounter, exposition


def test_a_plain_counter_keeps_its_name() -> None:
    registry = CollectorRegistry()
    Counter("usual", "Other.", registry=registry).inc()
    counter = PlainCounter("sync_calls_error", "Errors.", ["name"], registry)
    counter.inc("a")
    counter.inc("a", amount=2)
    text = exposition(registry).decode()
    assert '# TYPE sync_calls_error counter\nsync_calls_error{name="a"} 3.0\n' in text
    assert "# TYPE usual_total counter\nusual_total 1.0\n" in text
    assert "sync_calls_error_total" not in text


def test_a_family_without_series_has_its_header() -> None:
    registry = CollectorRegistry()
    PlainCounter("first", "Text.", [], registry)
    PlainCounter("second", "Text.", [], registry)
    assert exposition(registry).decode() == (
        "# HELP first Text.\n# TYPE first counter\n# HELP second Text.\n# TYPE second counter\n"
    )


def test_series_can_be_forgotten() -> None:
    registry = CollectorRegistry()
    counter = PlainCounter("calls", "Text.", ["name"], registry)
    counter.inc("a")
    counter.remove("a")
    counter.remove("never there")
    assert counter.labels_seen() == []
    assert counter.value("a") == 0


def test_a_wrong_number_of_labels_is_refused() -> None:
    counter = PlainCounter("calls", "Text.", ["name", "namespace"], CollectorRegistry())
    with pytest.raises(ValueError, match="name, namespace"):
        counter.inc("a")
