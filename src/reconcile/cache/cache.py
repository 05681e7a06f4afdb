"""Informers shared by everyone who asks for the same objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from reconcile.api.model import KubeObject, Resource
from reconcile.cache.informer import Informer
from reconcile.cache.store import Transform
from reconcile.client.client import Client
from reconcile.client.objects import K
from reconcile.metrics import CacheMetrics

__all__ = ["Cache"]


@dataclass(frozen=True, slots=True)
class _Key:
    kind: type[KubeObject]
    namespaces: tuple[str, ...]
    label_selector: str
    field_selector: str
    metadata_only: bool


class Cache:
    """Starts an informer once per scope; informers may be added and removed while it runs.

    Args:
        client: the way to the API server.
        namespaces: watched where `informer` is not told otherwise; empty means all.
        metrics: where informers are counted.
    """

    def __init__(self, client: Client, *, namespaces: Sequence[str] = (), metrics: CacheMetrics | None = None) -> None:
        self._metrics = metrics
        if metrics is not None:
            metrics.track(self._sizes)
        self._client = client
        self._namespaces = tuple(sorted(namespaces)) or ("",)
        self._informers: dict[_Key, Informer[Any]] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def informer(
        self,
        kind: type[K],
        namespace: str | Sequence[str] = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        indexes: Mapping[str, Callable[[K], Iterable[str]]] | None = None,
        transform: Transform | None = None,
        optional: bool = False,
    ) -> Informer[K]:
        """The informer of that scope; made, and started when the cache runs, if there is none yet.

        Without `namespace` it watches the cache's namespaces.
        `transform` and `optional` count only for the first caller of a scope; indexes are added up.

        Raises:
            ValueError: an index name is taken by another function.
        """
        if not kind.resource.namespaced:
            namespaces: tuple[str, ...] = ("",)
        elif not namespace:
            namespaces = self._namespaces
        else:
            namespaces = (namespace,) if isinstance(namespace, str) else tuple(sorted(namespace))
        key = _Key(kind, namespaces, label_selector, field_selector, metadata_only)
        found: Informer[K] | None = self._informers.get(key)
        if found is None:
            found = Informer(
                kind,
                self._client,
                namespace=namespaces,
                label_selector=label_selector,
                field_selector=field_selector,
                metadata_only=metadata_only,
                transform=transform,
                optional=optional,
                metrics=self._metrics,
            )
            self._informers[key] = found
            if self._group is not None:
                self._start(key, found)
        for name, function in (indexes or {}).items():
            found.add_index(name, function)
        return found

    async def remove(self, informer: Informer[Any]) -> None:
        """Stop an informer and forget its objects; its handlers hear nothing more."""
        for key, found in list(self._informers.items()):
            if found is informer:
                del self._informers[key]
                task = self._tasks.pop(key, None)
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])

    async def run(self) -> None:
        """Run every informer until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for key, informer in self._informers.items():
                    self._start(key, informer)
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None
            self._tasks.clear()

    async def wait_synced(self) -> None:
        """Wait until every informer has listed its objects.

        Wrap it in `asyncio.timeout` to give up, and see `unsynced` for whom it waits.
        """
        for informer in list(self._informers.values()):
            await informer.synced.wait()

    @property
    def unsynced(self) -> list[str]:
        """The scopes that are not listed yet, each with what went wrong last."""
        return [
            f"{informer.scope}: {informer.last_error or 'waiting for the first list'}"
            for informer in self._informers.values()
            if not informer.synced.is_set()
        ]

    @property
    def informers(self) -> list[Informer[Any]]:
        """All informers."""
        return list(self._informers.values())

    @property
    def alive(self) -> bool:
        """Whether every informer is alive."""
        return all(informer.alive for informer in self._informers.values())

    @property
    def last_event_age(self) -> float:
        """The largest `last_event_age` of the informers; 0 without any."""
        return max((informer.last_event_age for informer in self._informers.values()), default=0.0)

    def covering(self, kind: type[K], namespace: str) -> Informer[K] | None:
        """A synced informer with whole objects of the kind in that namespace (empty: in all), complete if possible."""
        best: Informer[K] | None = None
        for key, informer in self._informers.items():
            # The kind first: this is asked at every read, and there may be dozens of informers.
            if key.kind is not kind or key.metadata_only or not _spans(key, namespace):
                continue
            if informer.running and informer.synced.is_set():
                if informer.complete:
                    return cast("Informer[K]", informer)
                best = informer
        return best

    def holding(self, kind: type[KubeObject], namespace: str) -> list[Informer[Any]]:
        """Every informer of the kind that may hold objects of that namespace."""
        return [
            informer
            for key, informer in self._informers.items()
            if _same_version(key.kind.resource, kind.resource) and _spans(key, namespace)
        ]

    def _sizes(self) -> list[tuple[str, int, int, float]]:
        return [
            (str(informer.kind.resource), len(informer), informer.bytes_cached, informer.last_event_age)
            for informer in self._informers.values()
        ]

    def _start(self, key: _Key, informer: Informer[Any]) -> None:
        if self._group is not None:
            self._tasks[key] = self._group.create_task(informer.run(), name=f"informer {key.kind.resource}")


def _same_version(left: Resource, right: Resource) -> bool:
    return left.plural == right.plural and left.group == right.group and left.version == right.version


def _spans(key: _Key, namespace: str) -> bool:
    return "" in key.namespaces or namespace in key.namespaces
