"""Counters under exactly the name they are given.

The Prometheus client appends `_total` to every counter. Dashboards that exist ask for names without it
(`externalsecret_sync_calls_error`), so such a counter is a `PlainCounter`, and `exposition` writes its header as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

__all__ = ["PlainCounter", "exposition"]


class _PlainFamily(Metric):
    """Marks the families of plain counters."""


class PlainCounter(Collector):
    """A counter whose samples carry its name and nothing else."""

    def __init__(self, name: str, documentation: str, label_names: Sequence[str], registry: CollectorRegistry) -> None:
        self.name = name
        self._documentation = documentation
        self._label_names = tuple(label_names)
        self._values: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def inc(self, *label_values: str, amount: float = 1.0) -> None:
        """Add to the series with these label values, in the order of the label names."""
        if len(label_values) != len(self._label_names):
            raise ValueError(f"{self.name} has the labels {', '.join(self._label_names)}")
        with self._lock:
            self._values[label_values] = self._values.get(label_values, 0.0) + amount

    def value(self, *label_values: str) -> float:
        """What the series counts so far; zero when it has not been touched."""
        return self._values.get(label_values, 0.0)

    def remove(self, *label_values: str) -> None:
        """Forget a series; nothing happens when there is none."""
        with self._lock:
            self._values.pop(label_values, None)

    def labels_seen(self) -> list[tuple[str, ...]]:
        """Label values of every series."""
        with self._lock:
            return list(self._values)

    def describe(self) -> Iterable[Metric]:
        """The family without samples, so that registering does not count as a scrape."""
        return [_PlainFamily(self.name, self._documentation, "counter")]

    def collect(self) -> Iterable[Metric]:
        """The family with a sample per series."""
        family = _PlainFamily(self.name, self._documentation, "counter")
        with self._lock:
            for values, count in self._values.items():
                family.add_sample(self.name, dict(zip(self._label_names, values, strict=True)), count)
        return [family]


class _One:
    """As much of a registry as `generate_latest` needs, with some families of another one."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(registry: CollectorRegistry) -> bytes:
    """The text format of every metric in `registry`."""
    plain: list[_PlainFamily] = []
    usual: list[Metric] = []
    for family in registry.collect():
        (plain if isinstance(family, _PlainFamily) else usual).append(family)  # type: ignore[arg-type]
    text = generate_latest(cast(CollectorRegistry, _One(usual)))
    for family in plain:
        # The same text with the suffix taken from the two header lines; samples never have it.
        lines = generate_latest(cast(CollectorRegistry, _One([family]))).split(b"\n", 2)
        text += b"\n".join([line.replace(b"_total", b"", 1) for line in lines[:2]] + lines[2:])
    return text
