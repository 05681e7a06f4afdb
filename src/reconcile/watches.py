"""From changes to requests: which kinds a controller looks at, and whom a change concerns.

A change is mapped twice, once with the object as it was and once as it is, so that a child that moved from one owner to
another reaches both of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Protocol

from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache import Cache
from reconcile.client.cached import CachedClient
from reconcile.owners import controller_of
from reconcile.predicates import Predicate

__all__ = ["Channel", "Cluster", "Enqueue", "MapFunction", "Source", "Ticker", "Watch", "controlled_by", "itself"]

MapFunction = Callable[[KubeObject | None, KubeObject | None], Iterable[Request]]
"""From the object before (None: it is new) and after (None: it is gone) to the requests it concerns. Must not wait."""

Enqueue = Callable[[Request], None]
"""Puts a request in the controller's queue; called in the event loop."""


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """A kind whose changes concern objects of the controller's kind. Two watches are never equal.

    Attributes:
        kind: the kind to watch.
        map: names the requests; a request without a cluster gets the one where the change happened.
        predicates: all must match.
        metadata_only: keep only metadata in the cache.
        label_selector: watch only these.
        field_selector: watch only these.
        namespace: watch only this one; empty means those of the manager.
    """

    kind: type[KubeObject]
    map: MapFunction
    _: KW_ONLY
    predicates: Sequence[Predicate] = ()
    metadata_only: bool = False
    label_selector: str = ""
    field_selector: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server that a manager works with.

    Attributes:
        name: the `cluster` of its requests; empty for the only one.
        client: reads from the cache, writes to the server.
        cache: its informers.
    """

    name: str
    client: CachedClient
    cache: Cache


class Source(Protocol):
    """Anything that asks for reconciles: a message queue, a timer, an HTTP callback."""

    async def run(self, enqueue: Enqueue) -> None:
        """Call `enqueue` whenever something happens; runs until cancelled. An error is logged and the source starts again."""
        ...


class Ticker:
    """A source that asks for the same requests again and again.

    Args:
        seconds: between two rounds.
        requests: what to ask for; called each round.
    """

    def __init__(
        self, seconds: float, requests: Callable[[], Iterable[Request] | Awaitable[Iterable[Request]]]
    ) -> None:
        self._seconds = seconds
        self._requests = requests

    async def run(self, enqueue: Enqueue) -> None:
        """One round now, then one every `seconds`."""
        while True:
            requests = self._requests()
            for request in await requests if isinstance(requests, Awaitable) else requests:
                enqueue(request)
            await asyncio.sleep(self._seconds)


class Channel:
    """A source that other code pushes into: an HTTP handler, a consumer of a message queue.

    Requests pushed before the controller runs are kept. Call `push` in the event loop.
    """

    def __init__(self) -> None:
        self._waiting: dict[Request, None] = {}
        self._ready = asyncio.Event()

    def push(self, request: Request) -> None:
        """Ask for a reconcile."""
        self._waiting[request] = None
        self._ready.set()

    async def run(self, enqueue: Enqueue) -> None:
        """Hand on what is pushed."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            waiting, self._waiting = self._waiting, {}
            for request in waiting:
                enqueue(request)


def itself(old: KubeObject | None, new: KubeObject | None) -> Iterable[Request]:
    """The changed object itself."""
    subject = new if new is not None else old
    return () if subject is None else (Request(subject.namespace, subject.name),)


def controlled_by(owner_kind: type[KubeObject]) -> MapFunction:
    """A map function: the objects of `owner_kind` that control, or controlled, the changed object."""

    def owners(old: KubeObject | None, new: KubeObject | None) -> Iterable[Request]:
        found: dict[Request, None] = {}
        for subject in (old, new):
            reference = None if subject is None else controller_of(subject.metadata, owner_kind)
            if subject is not None and reference is not None:
                namespace = subject.namespace if owner_kind.resource.namespaced else ""
                found[Request(namespace, reference.name)] = None
        return found

    return owners
