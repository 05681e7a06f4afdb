"""Kubernetes Events about objects: said once, counted after that, and never in the way of a reconcile.

Events are written in the background. The same event about the same object is one Event whose `count` grows; many different
messages for one reason become one Event that says so. What exceeds the budgets is dropped and counted, never queued for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from reconcile.api.core_v1 import Event, EventSource, ObjectReference
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.errors import APIError, NotFoundError, ServerError, TooManyRequestsError, TransportError
from reconcile.metrics import EventMetrics
from reconcile.workqueue import ExponentialLimiter, QueueShutDownError, TokenBucketLimiter, WorkQueue

__all__ = ["NORMAL", "WARNING", "EventRecorder"]

_LOG = logging.getLogger(__name__)

NORMAL = "Normal"
WARNING = "Warning"

_MAX_MESSAGE = 1024  # bytes the API server takes; source: validation of core/v1 Event
_REMEMBERED = 4096  # source: maxLruCacheEntries of client-go's event correlator
_SIMILAR = 10  # source: defaultAggregateMaxEvents of client-go
_SIMILAR_SECONDS = 600.0  # source: defaultAggregateIntervalInSeconds of client-go
_COMBINED = "(combined from similar events): "
_SENDERS = 4
_TRIES = 4


class _Key(NamedTuple):
    kind: str
    namespace: str
    name: str
    uid: str
    type: str
    reason: str
    message: str  # empty for the combined one


@dataclass(slots=True)
class _Pending:
    regarding: ObjectReference
    message: str
    first: datetime
    last: datetime
    count: int = 1


@dataclass(slots=True)
class _Written:
    name: str
    count: int


@dataclass(slots=True)
class _Group:
    since: float
    messages: set[str]


class EventRecorder:
    """Writes core/v1 Events. Run `run` in the background; without it events are only collected.

    Args:
        client: writes the Events.
        component: `source.component` of the Events, usually the controller's name.
        metrics: where sent and dropped events are counted.
        normal: (per second, burst) of Normal events.
        warning: (per second, burst) of Warning events.
        max_pending: events that wait to be written; further ones are dropped.
        now: the wall clock.
        clock: monotonic seconds, for the budgets.
    """

    def __init__(
        self,
        client: Client,
        component: str,
        *,
        metrics: EventMetrics | None = None,
        normal: tuple[float, int] = (10.0, 50),
        warning: tuple[float, int] = (50.0, 500),
        max_pending: int = 1000,
        now: Callable[[], datetime] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._component = component
        self._metrics = metrics
        self._now = now if now is not None else _utc_now
        self._clock = clock
        self._budgets: dict[str, TokenBucketLimiter[_Key]] = {
            NORMAL: TokenBucketLimiter(*normal, clock=clock),
            WARNING: TokenBucketLimiter(*warning, clock=clock),
        }
        self._max_pending = max_pending
        self._pending: OrderedDict[_Key, _Pending] = OrderedDict()
        self._written: OrderedDict[_Key, _Written] = OrderedDict()
        self._groups: OrderedDict[_Key, _Group] = OrderedDict()
        self._queue: WorkQueue[_Key] | None = None
        self._closed = False

    def event(self, obj: KubeObject, type_: str, reason: str, message: str) -> None:
        """Say that something happened to `obj`; returns at once. Call it in the event loop.

        Args:
            obj: the object as it was read.
            type_: `Normal` or `Warning`.
            reason: a word in UpperCamelCase, for programs.
            message: a sentence for people, cut to 1024 bytes; must not hold secret values.

        Raises:
            ValueError: the type is neither.
        """
        if type_ not in self._budgets:
            raise ValueError(f"the type of an event is Normal or Warning, not {type_!r}")
        message = _cut(message)
        key = _Key(obj.resource.kind, obj.namespace, obj.name, obj.metadata.uid, type_, reason, message)
        if self._is_combined(key):
            key, message = key._replace(message=""), _cut(_COMBINED + message)
        now = self._now()
        pending = self._pending.get(key)
        if pending is not None:
            pending.count += 1
            pending.last = now
            pending.message = message
            return
        why = "closed" if self._closed else "queue full" if len(self._pending) >= self._max_pending else ""
        if not why and not self._budgets[type_].try_take():
            why = "budget"
        if why:
            self._drop(key, why)
            return
        self._pending[key] = _Pending(_reference(obj), message, now, now)
        if self._queue is not None:
            self._queue.add(key)

    async def run(self) -> None:
        """Write events until `close` is called and what was pending is written. Cancellation drops what is pending."""
        self._queue = queue = WorkQueue[_Key](limiter=ExponentialLimiter(1.0, 30.0))
        for key in list(self._pending):
            queue.add(key)
        if self._closed:
            queue.shut_down()
        async with asyncio.TaskGroup() as group:
            for number in range(_SENDERS):
                group.create_task(self._send(queue), name=f"events-{self._component}-{number}")

    def close(self) -> None:
        """Take no more events; `run` returns when those pending are written. Failed ones are not tried again."""
        self._closed = True
        if self._queue is not None:
            self._queue.shut_down()

    async def _send(self, queue: WorkQueue[_Key]) -> None:
        while True:
            try:
                key = await queue.get()
            except QueueShutDownError:
                return
            try:
                await self._send_one(queue, key)
            finally:
                queue.done(key)

    async def _send_one(self, queue: WorkQueue[_Key], key: _Key) -> None:
        pending = self._pending.pop(key, None)
        if pending is None:
            return
        try:
            async with asyncio.timeout(30.0):
                await self._write(key, pending)
        except (TransportError, ServerError, TooManyRequestsError, TimeoutError) as err:
            self._try_again(queue, key, pending, err)
        except APIError as err:
            # A namespace that is going away, or no permission: trying again changes nothing.
            queue.forget(key)
            self._drop(key, "refused")
            _LOG.info("event %s of %s %s/%s was refused: %s", key.reason, key.kind, key.namespace, key.name, err.reason)
        except Exception as err:  # noqa: BLE001 - an Event is not worth the process
            queue.forget(key)
            self._drop(key, "failed")
            _LOG.error(
                "event %s of %s/%s could not be written: %s", key.reason, key.namespace, key.name, type(err).__name__
            )
        else:
            queue.forget(key)
            if self._metrics is not None:
                self._metrics.sent.labels(key.type).inc()

    def _try_again(self, queue: WorkQueue[_Key], key: _Key, pending: _Pending, err: Exception) -> None:
        if self._closed or queue.retries(key) + 1 >= _TRIES:
            queue.forget(key)
            self._drop(key, "unreachable")
            return
        _LOG.debug("event %s of %s/%s is tried again: %s", key.reason, key.namespace, key.name, type(err).__name__)
        newer = self._pending.get(key)
        if newer is not None:
            pending.count += newer.count
            pending.last, pending.message = newer.last, newer.message
        self._pending[key] = pending
        queue.add_rate_limited(key)

    async def _write(self, key: _Key, pending: _Pending) -> None:
        written = self._written.get(key)
        if written is not None:
            count = written.count + pending.count
            change = {"count": count, "lastTimestamp": _timestamp(pending.last), "message": pending.message}
            try:
                await self._client.patch(Event, written.name, key.namespace or "default", MergePatch(change))
            except NotFoundError:
                # The API server forgets events after an hour: this one begins anew.
                del self._written[key]
            else:
                written.count = count
                self._written.move_to_end(key)
                return
        # The same form of name as client-go: unique without asking.
        name = f"{key.name[:230]}.{time.time_ns():x}"
        await self._client.create(self._new_event(name, key, pending))
        self._written[key] = _Written(name, pending.count)
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)

    def _new_event(self, name: str, key: _Key, pending: _Pending) -> Event:
        return Event(
            metadata=ObjectMeta(name=name, namespace=key.namespace or "default"),
            involved_object=pending.regarding,
            type=key.type,
            reason=key.reason,
            message=pending.message,
            source=EventSource(component=self._component),
            reporting_component=self._component,
            first_timestamp=pending.first,
            last_timestamp=pending.last,
            count=pending.count,
        )

    def _is_combined(self, key: _Key) -> bool:
        group_key = key._replace(message="")
        now = self._clock()
        group = self._groups.get(group_key)
        if group is None or now - group.since > _SIMILAR_SECONDS:
            group = self._groups[group_key] = _Group(now, set())
            if len(self._groups) > _REMEMBERED:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group_key)
        if key.message in group.messages:
            return False
        if len(group.messages) >= _SIMILAR:
            return True
        group.messages.add(key.message)
        return False

    def _drop(self, key: _Key, why: str) -> None:
        if self._metrics is not None:
            self._metrics.dropped.labels(key.type, why).inc()


def _reference(obj: KubeObject) -> ObjectReference:
    return ObjectReference(
        api_version=obj.resource.api_version,
        kind=obj.resource.kind,
        namespace=obj.namespace,
        name=obj.name,
        uid=obj.metadata.uid,
        resource_version=obj.metadata.resource_version,
    )


def _cut(message: str) -> str:
    encoded = message.encode()
    return message if len(encoded) <= _MAX_MESSAGE else encoded[: _MAX_MESSAGE - 3].decode(errors="ignore") + "..."


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc_now() -> datetime:
    return datetime.now(UTC)
