"""The controller: events in, one reconcile per object at a time, and every outcome leads somewhere.

A reconcile function is called with a request and makes the world look as the object says. It is level-triggered: it reads what
is there now and does not get to know what changed. Whatever it does, the object is looked at again when it must be:

* it returns: the object waits for the next event, or for `requeue_after` seconds if that comes first;
* it raises: the object is tried again after a delay that doubles each time;
* it raises `TerminalError`: the object waits for the next event;
* it takes longer than `timeout`: it is cancelled, and that counts as raising.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache import InformerEvent
from reconcile.errors import DecodeError
from reconcile.flightrecorder import FlightRecorder
from reconcile.log import current_request
from reconcile.metrics import ControllerMetrics
from reconcile.predicates import ObjectEvent, Predicate, deletion_started
from reconcile.statuswrites import is_expected_status_write, writes_status
from reconcile.tracebacks import Locate, locator
from reconcile.watches import Cluster, Source, Watch, controlled_by, itself
from reconcile.worker import Reconcile, Result, WorkerPool
from reconcile.workqueue import FairOrder, Priority, QueueCollector, RateLimiter, WorkQueue

__all__ = ["Binding", "Controller", "Reconcile", "Request", "Result", "default_priority"]

_LOG = logging.getLogger(__name__)

_SOURCE_RESTART = 5.0
"""Seconds before a source that failed is run again."""

_FRAMES = locator("frames")


@dataclass(frozen=True, slots=True)
class Binding:
    """What a controller needs to run; the manager makes it.

    Attributes:
        clusters: by name; the only one of a plain manager is called `""`.
        metrics: where reconciles are counted.
        queues: where the queue is measured.
        describe: turns an exception into the text that is logged.
        owns: whether a key is this replica's; None when there is no sharding.
        locate: says where an exception came from, for the log.
    """

    clusters: Mapping[str, Cluster]
    metrics: ControllerMetrics
    queues: QueueCollector
    describe: Callable[[BaseException], str] = str
    owns: Callable[[Request], bool] | None = None
    locate: Locate = _FRAMES


def default_priority(event: ObjectEvent) -> Priority:
    """Unknown objects first, then edits, then other events; what the first list brings comes last."""
    if event.initial or event.type == "sync":
        return Priority.PERIODIC
    if event.old is None:
        return Priority.NEW
    if event.new is None:
        return Priority.EVENT
    edited = event.new.metadata.generation != event.old.metadata.generation
    return Priority.SPEC if edited or deletion_started(event) else Priority.EVENT


class Controller:
    """Runs `reconcile` for the objects of one kind.

    Args:
        kind: what is reconciled.
        reconcile: called with the request; see the module for what its outcome means.
        name: in metrics and logs; the kind in lower case by default.
        owns: kinds whose objects are controlled by objects of `kind`; their changes concern the owner.
        watches: further kinds, with functions that say whom a change concerns.
        sources: anything else that asks for reconciles.
        predicates: all must match for a change of the object itself to count.
        workers: reconciles in flight at once.
        timeout: seconds one reconcile may take; None lets it run for ever.
        rate_limiter: delays after failures; 1 s doubling up to 420 s by default, and 10 a second over all objects.
        tenant: names whom an object belongs to; tenants take turns. The namespace by default.
        priority: the class of an event on the object itself, also of those found at start; see `default_priority`.
        max_wait: seconds after which the object that waits longest gets every second free worker.
        debounce: seconds by which events are collected before a reconcile.
        label_selector: reconcile only objects with these labels.
        hot_loop: reconciles of one object in a minute, without a change of its spec, that are reported.
        needs_leader: run only while this process leads; False runs on every replica.
    """

    def __init__(
        self,
        kind: type[KubeObject],
        reconcile: Reconcile,
        *,
        name: str | None = None,
        owns: Sequence[type[KubeObject]] = (),
        watches: Sequence[Watch] = (),
        sources: Sequence[Source] = (),
        predicates: Sequence[Predicate] = (),
        workers: int = 32,
        timeout: float | None = 300.0,
        rate_limiter: RateLimiter[Request] | None = None,
        tenant: Callable[[Request], str] | None = None,
        priority: Callable[[ObjectEvent], Priority] = default_priority,
        max_wait: float = 30.0,
        debounce: float = 0.0,
        label_selector: str = "",
        hot_loop: int = 30,
        needs_leader: bool = True,
    ) -> None:
        if workers < 1:
            raise ValueError(f"controller {name or kind.__name__}: workers must be at least 1, got {workers}")
        self.kind = kind
        self.name = name if name is not None else kind.resource.kind.lower()
        self.workers = workers
        self.needs_leader = needs_leader
        self._reconcile = reconcile
        self._timeout = timeout
        self._limiter = rate_limiter
        self._tenant = tenant if tenant is not None else _namespace_of
        self._priority = priority
        self._max_wait = max_wait
        self._debounce = debounce
        self._primary = Watch(kind, itself, predicates=predicates, label_selector=label_selector)
        self._watches = [*(Watch(owned, controlled_by(kind)) for owned in owns), *watches]
        self._sources = list(sources)
        self._flights = FlightRecorder(hot_loop=hot_loop)
        self._binding: Binding | None = None
        self._queue: WorkQueue[Request] | None = None
        self._removers: dict[Watch, list[Callable[[], None]]] = {}
        self._running = False
        # Only kept while keys are shared among replicas: objects that exist, and requests whose turn came too early.
        self._known: set[Request] = set()
        self._aside: set[Request] = set()

    @property
    def queue(self) -> WorkQueue[Request]:
        """What waits for this controller.

        Raises:
            RuntimeError: the controller was not bound to a manager yet.
        """
        if self._queue is None:
            raise RuntimeError(f"controller {self.name} is not bound: add it to a Manager and run that")
        return self._queue

    @property
    def _bound(self) -> Binding:
        if self._binding is None:
            raise RuntimeError(f"controller {self.name} is not bound: add it to a Manager and run that")
        return self._binding

    @property
    def running(self) -> bool:
        """Whether reconciles are run; False on a standby."""
        return self._running

    def bind(self, binding: Binding) -> None:
        """Make the queue and register with the informers, so that events are kept from now on. Runs nothing."""
        self._binding = binding
        self._queue = WorkQueue(
            order=FairOrder(tenant=self._tenant, max_wait=self._max_wait),
            limiter=self._limiter,
            debounce=self._debounce,
            series=binding.queues.series(self.name),
        )
        binding.metrics.declare(self.name, self.workers)
        for watch in (self._primary, *self._watches):
            self._connect(watch)

    async def run(self) -> None:
        """Run reconciles until `stop` is called and those in flight are done.

        Cancellation cancels the reconciles in flight.
        """
        binding, queue = self._bound, self.queue
        pool = WorkerPool(
            self.name,
            self._reconcile,
            queue,
            self._flights,
            binding.metrics,
            timeout=self._timeout,
            describe=binding.describe,
            locate=binding.locate,
            owns=binding.owns,
            aside=self._aside_add,
        )
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                sources = [group.create_task(self._feed(source)) for source in self._sources]
                await pool.run(self.workers)
                for task in sources:
                    task.cancel()
        finally:
            self._running = False

    def stop(self) -> None:
        """Hand out nothing more; `run` returns when the reconciles in flight are done. What waits is dropped."""
        self.queue.shut_down(discard=True)

    def enqueue(self, request: Request, *, priority: Priority = Priority.EVENT, reason: str = "asked for") -> None:
        """Ask for a reconcile from outside of the watches. Call it in the event loop."""
        self._flights.queued(request, reason)
        self.queue.add(request, priority)

    def take_over(self, is_new: Callable[[Request], bool]) -> None:
        """Keys have become this replica's: queue those that it owns now and did not before."""
        owns = self._bound.owns
        if owns is None:
            return
        # What was put aside and is not ours now has an owner that put it aside as well, or has it queued.
        aside, self._aside = self._aside, set()
        for request in self._known | aside:
            if owns(request) and (request in aside or is_new(request)):
                self._flights.queued(request, "taken over")
                self.queue.add(request, Priority.EVENT)

    def add_watch(self, watch: Watch) -> None:
        """Watch one more kind, also while running."""
        self._watches.append(watch)
        if self._binding is not None:
            self._connect(watch)

    def remove_watch(self, watch: Watch) -> None:
        """Stop listening to a watch that was added; requests that are queued stay.

        Raises:
            ValueError: there is no such watch.
        """
        self._watches.remove(watch)
        for remove in self._removers.pop(watch, ()):
            remove()

    def explain(self, request: Request) -> dict[str, Any] | None:
        """Why the object was queued, how its last runs went, and when it runs next; None when it is not remembered.

        Seconds, relative to now. Holds nothing of the object but its name.
        """
        flight = self._flights.flight(request)
        if flight is None:
            return None
        now = asyncio.get_running_loop().time()
        next_run = self.queue.next_run(request)
        return {
            "controller": self.name,
            "request": str(request),
            "reason": flight.reason,
            "queued": request in self.queue,
            "running": request in self.queue.processing,
            "nextRunInSeconds": None if next_run is None else round(next_run - now, 3),
            "retries": self.queue.retries(request),
            "totalRuns": flight.total,
            "runs": [
                {
                    "reason": run.reason,
                    "startedSecondsAgo": round(now - run.started, 3),
                    "seconds": round(run.seconds, 6),
                    "result": run.result,
                }
                for run in flight.runs
            ],
        }

    def recent(self) -> list[Request]:
        """The objects that `explain` knows."""
        return self._flights.requests()

    def summary(self) -> dict[str, Any]:
        """The controller in numbers."""
        queue = self.queue
        return {
            "name": self.name,
            "kind": str(self.kind.resource),
            "running": self._running,
            "workers": self.workers,
            "waiting": len(queue),
            "inFlight": len(queue.processing),
            "scheduled": queue.scheduled,
            "oldestDueSeconds": round(queue.oldest_due_age, 3),
        }

    def _aside_add(self, request: Request) -> None:
        self._aside.add(request)

    def _connect(self, watch: Watch) -> None:
        removers = self._removers.setdefault(watch, [])
        for cluster in self._bound.clusters.values():
            informer = cluster.cache.informer(
                watch.kind,
                watch.namespace,
                label_selector=watch.label_selector,
                field_selector=watch.field_selector,
                metadata_only=watch.metadata_only,
            )
            handler = self._on_own_kind if watch is self._primary else self._on_watched
            removers.append(informer.add_handler(partial(handler, watch, cluster.name)))

    def _on_own_kind(self, watch: Watch, cluster: str, event: InformerEvent[KubeObject]) -> None:
        request = Request(event.namespace, event.name, cluster)
        if event.type == "updated" and self._is_own_status_write(request, event):
            return
        try:
            if not all(predicate(event) for predicate in watch.predicates):
                return
            priority = self._priority(event)
        except DecodeError:
            # The reconcile meets the same error, and there it counts, backs off and is seen.
            priority = Priority.EVENT
        if self._bound.owns is not None:
            (self._known.discard if event.type == "deleted" else self._known.add)(request)
        edited = priority is Priority.SPEC
        self._flights.queued(request, "spec changed" if edited else event.type, spec_changed=edited)
        self.queue.add(request, priority)

    def _is_own_status_write(self, request: Request, event: InformerEvent[KubeObject]) -> bool:
        if not writes_status():
            return False
        # Told of it from inside the very reconcile that writes; any other way it is a foreign change.
        running = current_request()
        if running is None or running.request != request or running.controller != self.name:
            return False
        try:
            old, new = event.old, event.new
        except DecodeError:
            return False
        return old is not None and new is not None and is_expected_status_write(old, new)

    def _on_watched(self, watch: Watch, cluster: str, event: InformerEvent[KubeObject]) -> None:
        try:
            if not all(predicate(event) for predicate in watch.predicates):
                return
            requests = list(watch.map(event.old, event.new))
        except Exception as error:  # noqa: BLE001 - a broken map function is counted here, not only logged by the informer
            self._map_failed(watch, error)
            return
        path = f"{event.namespace}/{event.name}" if event.namespace else event.name
        reason = f"{watch.kind.resource.kind} {path} {event.type}"
        priority = Priority.PERIODIC if event.initial or event.type == "sync" else Priority.EVENT
        for request in requests:
            if cluster and not request.cluster:
                request = replace(request, cluster=cluster)
            self._flights.queued(request, reason)
            self.queue.add(request, priority)

    def _map_failed(self, watch: Watch, error: Exception) -> None:
        binding = self._bound
        binding.metrics.errors.labels(self.name).inc()
        _LOG.error(
            "%s: the map function or a predicate of the watch on %s failed, the event is lost: %s: %s%s",
            self.name,
            watch.kind.resource,
            type(error).__name__,
            binding.describe(error),
            binding.locate(error),
        )

    async def _feed(self, source: Source) -> None:
        binding = self._bound
        reason = type(source).__name__
        while True:
            try:
                await source.run(partial(self._from_source, reason))
            except Exception as error:  # noqa: BLE001 - a source that fails is started again
                _LOG.error(
                    "%s: source %s failed, next try in %.0f s: %s: %s%s",
                    self.name,
                    reason,
                    _SOURCE_RESTART,
                    type(error).__name__,
                    binding.describe(error),
                    binding.locate(error),
                )
            else:
                return
            await asyncio.sleep(_SOURCE_RESTART)

    def _from_source(self, reason: str, request: Request) -> None:
        self.enqueue(request, reason=reason)


def _namespace_of(request: Request) -> str:
    return request.namespace
