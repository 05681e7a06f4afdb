"""Metrics of ExternalSecrets beside those that every kind has."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.metrics import KindMetrics, SeriesLabels
from reconcile.metrics import ExactCounter

__all__ = ["ExternalSecretMetrics"]


class ExternalSecretMetrics(KindMetrics):
    """Counters of syncs, and when the last one succeeded."""

    def __init__(self, labels: SeriesLabels, registry: CollectorRegistry) -> None:
        super().__init__("externalsecret", labels, registry)
        # Label values of each object's series, by gauge: looking through all series at each deletion would block the loop.
        self._shown: dict[Gauge, dict[tuple[str, str], tuple[str, ...]]] = {}
        self._calls = Counter(
            "externalsecret_sync_calls_total",
            "Total number of the External Secret sync calls.",
            labels.names,
            registry=registry,
        )
        self._errors = ExactCounter(
            "externalsecret_sync_calls_error",
            "Total number of the External Secret sync errors.",
            labels.names,
            registry=registry,
        )
        self._last_success = Gauge(
            "externalsecret_last_success_timestamp_seconds",
            "When the last successful sync began, in seconds since the epoch.",
            labels.names,
            registry=registry,
        )
        self._next_refresh = Gauge(
            "externalsecret_next_refresh_timestamp_seconds",
            "When the next refresh is due, in seconds since the epoch.",
            labels.names,
            registry=registry,
        )

    def called(self, name: str, namespace: str, es: ExternalSecret | None) -> None:
        """Count one pass; `es` is None when the object is gone."""
        self._calls.labels(*self._values(name, namespace, es)).inc()

    def failed(self, es: ExternalSecret) -> None:
        """Count one failed pass."""
        self._errors.labels(*self._values(es.name, es.namespace, es)).inc()

    def scheduled(self, es: ExternalSecret, now: datetime, next_look: float | None) -> None:
        """Show when the last sync succeeded and when the next is due; None when only an event can make it due."""
        key, values = (es.namespace, es.name), self._values(es.name, es.namespace, es)
        if es.status.refresh_time is not None:
            self._show(self._last_success, key, values, es.status.refresh_time.timestamp())
        self._show(self._next_refresh, key, values, None if next_look is None else now.timestamp() + next_look)

    def unscheduled(self, name: str, namespace: str) -> None:
        """No refresh is due: the object is another operator's now."""
        self._show(self._next_refresh, (namespace, name), (), None)

    def forget(self, name: str, namespace: str) -> None:
        """Drop the gauges of an object that is gone; counters stay, as counters do."""
        self.gone(name, namespace, mark_deleted=True)
        self.forget_duration(name, namespace)
        for gauge in (self._last_success, self._next_refresh):
            self._show(gauge, (namespace, name), (), None)

    def _values(self, name: str, namespace: str, es: ExternalSecret | None) -> tuple[str, ...]:
        return self._labels.of(name, namespace, es.metadata.labels if es is not None else None)

    def _show(self, gauge: Gauge, key: tuple[str, str], values: tuple[str, ...], number: float | None) -> None:
        """The only series of an object in a gauge; None removes it."""
        shown = self._shown.setdefault(gauge, {})
        before = shown.get(key)
        if before is not None and (number is None or before != values):
            gauge.remove(*before)
            del shown[key]
        if number is not None:
            gauge.labels(*values).set(number)
            shown[key] = values
