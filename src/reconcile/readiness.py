"""Whether a process does its work: caches in step, watches alive, queues moving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconcile.cache import Informer
from reconcile.controller import Controller
from reconcile.watches import Cluster

__all__ = ["Readiness"]


class Readiness:
    """The ready checks of a manager, and its informers in numbers.

    Args:
        clusters: whose informers are looked at.
        controllers: whose queues are looked at; the list may grow.
        max_queue_age: seconds a key may wait for a worker.
    """

    def __init__(
        self, clusters: Mapping[str, Cluster], controllers: Sequence[Controller], *, max_queue_age: float
    ) -> None:
        self._clusters = clusters
        self._controllers = controllers
        self._max_queue_age = max_queue_age

    def caches(self) -> str | None:
        """Which informers have not listed their objects yet."""
        missing = [where for where, informer in self._informers() if not informer.synced.is_set()]
        return f"not synced: {', '.join(missing)}" if missing else None

    def watches(self) -> str | None:
        """Which informers have stopped following the API server."""
        dead = [
            f"{where} (last heard of {informer.last_event_age:.0f} s ago)"
            for where, informer in self._informers()
            if not informer.alive
        ]
        return f"not alive: {', '.join(dead)}" if dead else None

    def queues(self) -> str | None:
        """Which controllers leave keys waiting for too long. A standby has none: its queue is to stand still."""
        stuck = [
            f"{controller.name} ({controller.queue.oldest_due_age:.0f} s)"
            for controller in self._controllers
            if controller.running and controller.queue.oldest_due_age > self._max_queue_age
        ]
        return f"keys wait too long for a worker: {', '.join(stuck)}" if stuck else None

    def informers(self) -> list[dict[str, Any]]:
        """Every informer in numbers, for the debug endpoint."""
        return [
            {
                "informer": where,
                "namespaces": list(informer.namespaces),
                "metadataOnly": informer.metadata_only,
                "objects": len(informer),
                "bytes": informer.bytes_cached,
                "synced": informer.synced.is_set(),
                "alive": informer.alive,
                "lastEventSecondsAgo": _finite(informer.last_event_age),
            }
            for where, informer in self._informers()
        ]

    def _informers(self) -> list[tuple[str, Informer[Any]]]:
        return [
            (f"{cluster.name}:{informer.kind.resource}" if cluster.name else str(informer.kind.resource), informer)
            for cluster in self._clusters.values()
            for informer in cluster.cache.informers
        ]


def _finite(seconds: float) -> float | None:
    return None if seconds == float("inf") else round(seconds, 3)
