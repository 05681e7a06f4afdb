"""The series of ExternalSecrets that tell when they are refreshed."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from eso.controllers.externalsecret.metrics import ExternalSecretMetrics
from eso.controllers.metrics import SeriesLabels
from tests.support.builders import external_secret

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
NEXT = "externalsecret_next_refresh_timestamp_seconds"
LAST = "externalsecret_last_success_timestamp_seconds"


def shown(registry: CollectorRegistry, series: str) -> list[tuple[dict[str, str], float]]:
    return [
        (dict(sample.labels), sample.value)
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == series
    ]


def test_what_only_an_event_makes_due_has_no_next_refresh() -> None:
    registry = CollectorRegistry()
    metrics = ExternalSecretMetrics(SeriesLabels(extended=False), registry)
    es = external_secret(status={"refreshTime": "2026-03-04T12:00:00Z"})
    labels = {"name": es.name, "namespace": es.namespace}
    metrics.scheduled(es, NOW, 60.0)
    assert shown(registry, NEXT) == [(labels, NOW.timestamp() + 60.0)]
    metrics.scheduled(es, NOW, None)
    assert shown(registry, NEXT) == []
    assert shown(registry, LAST) == [(labels, NOW.timestamp())]
    metrics.scheduled(es, NOW, 60.0)
    metrics.unscheduled(es.name, es.namespace)
    metrics.unscheduled(es.name, es.namespace)
    assert shown(registry, NEXT) == []
    metrics.forget(es.name, es.namespace)
    assert shown(registry, LAST) == []


def test_other_labels_replace_the_series() -> None:
    registry = CollectorRegistry()
    metrics = ExternalSecretMetrics(SeriesLabels(extended=True), registry)
    for version in ("1", "2"):
        es = external_secret(metadata={"labels": {"app.kubernetes.io/version": version}})
        metrics.scheduled(es, NOW, 60.0)
    ((labels, _),) = shown(registry, NEXT)
    assert labels["app_kubernetes_io_version"] == "2"
