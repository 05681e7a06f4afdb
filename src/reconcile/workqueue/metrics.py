"""The `workqueue_*` metrics: counted as plain numbers, turned into series only when somebody scrapes.

A counter of the metrics library costs a lock for each step; a busy queue takes several of them per key.

Source of names, labels and buckets: client-go's work queue as controller-runtime registers it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence, Sized
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from reconcile.metrics import go_float

__all__ = ["Histogram", "Measured", "QueueCollector", "QueueSeries"]


def _exponential(start: float, factor: float, count: int) -> tuple[float, ...]:
    # Multiplied step by step, as the Go library does: the same rounding gives the same `le` labels.
    bounds = [start]
    while len(bounds) < count:
        bounds.append(bounds[-1] * factor)
    return tuple(bounds)


_BOUNDS = _exponential(10e-9, 10, 12)


class Histogram:
    """Counts of observed seconds per bucket."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(_BOUNDS, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Bucket bounds with the number of observations up to each."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*_BOUNDS, float("inf")), self.counts, strict=True):
            total += count
            buckets.append((go_float(bound), float(total)))
        return buckets


class Measured(Sized, Protocol):
    """What the gauges read from a queue."""

    @property
    def oldest_due_age(self) -> float:
        """Seconds the longest waiting key is due."""
        ...

    def running_ages(self) -> Sequence[float]:
        """Seconds that each key is with its worker."""
        ...


class QueueSeries:
    """The numbers of one queue."""

    __slots__ = ("_queue", "adds", "controller", "name", "retries", "waited", "worked")

    def __init__(self, name: str, controller: str = "") -> None:
        self.name = name
        self.controller = controller or name
        self.adds = 0
        self.retries = 0
        self.waited = Histogram()
        self.worked = Histogram()
        self._queue: Measured | None = None

    def attach(self, queue: Measured) -> None:
        """Read the gauges from this queue from now on."""
        self._queue = queue

    @property
    def labels(self) -> list[str]:
        """Values of the labels `name` and `controller`."""
        return [self.name, self.controller]

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return 0 if self._queue is None else len(self._queue)

    @property
    def oldest_due_age(self) -> float:
        """Seconds the longest waiting key is due."""
        return 0.0 if self._queue is None else self._queue.oldest_due_age

    def running_ages(self) -> Sequence[float]:
        """Seconds that each key is with its worker."""
        return () if self._queue is None else self._queue.running_ages()


class QueueCollector(Collector):
    """Hands the numbers of all queues of a process to the metrics registry it is registered with."""

    def __init__(self) -> None:
        self._series: list[QueueSeries] = []

    def series(self, name: str, controller: str = "") -> QueueSeries:
        """The series of a new queue."""
        series = QueueSeries(name, controller)
        self._series.append(series)
        return series

    def collect(self) -> Iterable[Metric]:
        """One family per metric; see the table in the operating guide for their meaning."""
        labels = ["name", "controller"]
        adds = CounterMetricFamily("workqueue_adds", "Keys added to the queue.", labels=labels)
        retries = CounterMetricFamily("workqueue_retries", "Keys added again after a failure.", labels=labels)
        depth = GaugeMetricFamily("workqueue_depth", "Keys waiting for a worker.", labels=[*labels, "priority"])
        oldest = GaugeMetricFamily(
            "workqueue_oldest_due_age_seconds", "How long the longest waiting key has been due.", labels=labels
        )
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds", "Sum of the ages of work in progress.", labels=labels
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds", "Age of the oldest work in progress.", labels=labels
        )
        waited = HistogramMetricFamily(
            "workqueue_queue_duration_seconds", "Seconds between add and get.", labels=labels
        )
        worked = HistogramMetricFamily(
            "workqueue_work_duration_seconds", "Seconds between get and done.", labels=labels
        )
        for series in self._series:
            ages = series.running_ages()
            adds.add_metric(series.labels, series.adds)
            retries.add_metric(series.labels, series.retries)
            depth.add_metric([*series.labels, ""], series.depth)
            oldest.add_metric(series.labels, series.oldest_due_age)
            unfinished.add_metric(series.labels, sum(ages))
            longest.add_metric(series.labels, max(ages, default=0.0))
            waited.add_metric(series.labels, series.waited.cumulative(), series.waited.sum)
            worked.add_metric(series.labels, series.worked.cumulative(), series.worked.sum)
        return (adds, retries, depth, oldest, unfinished, longest, waited, worked)
