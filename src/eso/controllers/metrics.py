"""Metrics that every kind of the operator has: condition gauges and reconcile durations, under ESO's names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram

from eso.controllers.conditions import find
from reconcile.api.meta_v1 import Condition
from reconcile.api.model import KubeObject

__all__ = ["EXTENDED_LABELS", "KindMetrics", "SeriesLabels"]

EXTENDED_LABELS: Final = (
    "app_kubernetes_io_name",
    "app_kubernetes_io_instance",
    "app_kubernetes_io_version",
    "app_kubernetes_io_component",
    "app_kubernetes_io_part_of",
    "app_kubernetes_io_managed_by",
)
"""Metric labels of `--enable-extended-metric-labels`, filled from the object's labels of nearly the same name."""

_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9 ]+")
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class SeriesLabels:
    """Turns an object into the label values of its series."""

    def __init__(self, *, extended: bool) -> None:
        self.names = ("name", "namespace", *(EXTENDED_LABELS if extended else ()))
        self._extended = extended

    def of(self, name: str, namespace: str, labels: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Values in the order of `names`; an extended label that the object lacks is empty."""
        if not self._extended:
            return (name, namespace)
        known = {_FOREIGN.sub("_", key): value for key, value in (labels or {}).items()}
        return (name, namespace, *(known.get(label, "") for label in EXTENDED_LABELS))


class KindMetrics:
    """Condition gauge and reconcile durations of one kind.

    Args:
        prefix: `externalsecret`, `secretstore`, ...
        labels: which labels the series carry.
        registry: where they are registered.
    """

    def __init__(self, prefix: str, labels: SeriesLabels, registry: CollectorRegistry) -> None:
        self._labels = labels
        # Series of each object, so that they go when it goes.
        self._conditions: dict[tuple[str, str], set[tuple[str, ...]]] = {}
        self._durations: dict[tuple[str, str], tuple[str, ...]] = {}
        names = labels.names
        self.condition = Gauge(
            f"{prefix}_status_condition",
            f"The status condition of a specific {prefix}: 1 for its current status, 0 for the opposite.",
            [*names, "condition", "status"],
            registry=registry,
        )
        self.duration = Gauge(
            f"{prefix}_reconcile_duration",
            f"The duration of the last reconcile of a {prefix}, in nanoseconds.",
            names,
            registry=registry,
        )
        self.seconds = Histogram(
            f"{prefix}_reconcile_seconds",
            f"How long reconciles of a {prefix} take, in seconds.",
            registry=registry,
            buckets=_BUCKETS,
        )

    @contextmanager
    def timed(self, name: str, namespace: str, labels: Mapping[str, str] | None = None) -> Iterator[None]:
        """Measure one reconcile; `labels` are the object's, where its kind shows them with its durations."""
        started = perf_counter()
        try:
            yield
        finally:
            elapsed = perf_counter() - started
            self.seconds.observe(elapsed)
            values = self._labels.of(name, namespace, labels)
            if self._durations.get((namespace, name), values) != values:
                self.forget_duration(name, namespace)
            self._durations[namespace, name] = values
            self.duration.labels(*values).set(elapsed * 1e9)

    def observe(self, obj: KubeObject, conditions: list[Condition] | None, type_: str = "Ready") -> None:
        """Show the condition of that type: 1 for its status, 0 for the opposite."""
        condition = find(conditions, type_)
        if condition is None:
            return
        values = self._labels.of(obj.name, obj.namespace, obj.metadata.labels)
        opposite = "False" if condition.status == "True" else "True"
        wanted = {(*values, type_, condition.status): 1.0, (*values, type_, opposite): 0.0}
        self._replace((obj.namespace, obj.name), wanted)

    def gone(self, name: str, namespace: str, *, mark_deleted: bool = False) -> None:
        """Forget every series of an object; `mark_deleted` leaves ESO's `condition="Deleted"` series in their place."""
        key = (namespace, name)
        marks: dict[tuple[str, ...], float] = {}
        if mark_deleted:
            marks[(*self._labels.of(name, namespace), "Deleted", "False")] = 1.0
        self._replace(key, marks)
        if not mark_deleted:
            self._conditions.pop(key, None)

    def forget_duration(self, name: str, namespace: str) -> None:
        """Drop the duration series of an object that no longer exists."""
        values = self._durations.pop((namespace, name), None)
        if values is not None:
            self.duration.remove(*values)

    def _replace(self, key: tuple[str, str], wanted: Mapping[tuple[str, ...], float]) -> None:
        for stale in self._conditions.get(key, set()) - set(wanted):
            self.condition.remove(*stale)
        for values, number in wanted.items():
            self.condition.labels(*values).set(number)
        self._conditions[key] = set(wanted)
