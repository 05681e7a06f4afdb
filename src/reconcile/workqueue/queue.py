"""A queue of keys for workers that must never work on one key twice at the same time.

It gives the guarantees of client-go's work queue:

* **fair**: keys are handed out in the order the `Order` says; the plain one is first come, first served;
* **stingy**: a key added many times before it is handed out is handed out once;
* **one worker per key**: a key added while a worker has it is handed out again only after that worker called `done`;
* **many producers, many workers, clean shutdown**: after `shut_down` nothing is accepted, what is queued is still handed out,
  then `get` raises `QueueShutDownError`.

Everything runs in one event loop; only `get` and `drain` wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from reconcile.errors import ReconcileError
from reconcile.workqueue.metrics import QueueSeries

__all__ = ["FifoOrder", "Order", "Queue", "QueueShutDownError"]

K = TypeVar("K", bound=Hashable)


class QueueShutDownError(ReconcileError):
    """The queue was shut down and nothing is left to hand out."""


class Order(Protocol[K]):
    """Which of the waiting keys comes next. Holds a key at most once; the queue sees to that."""

    def push(self, key: K, priority: int, since: float) -> None:
        """Add a key that is not waiting; `since` is when it became due, in seconds of the queue's clock."""
        ...

    def raise_priority(self, key: K, priority: int) -> None:
        """Move a waiting key up; never down."""
        ...

    def pop(self, now: float) -> tuple[K, float]:
        """Take the next key and the time it became due. Only called when not empty."""
        ...

    def oldest(self) -> float | None:
        """When the key that waits longest became due; None when empty."""
        ...

    def clear(self) -> None:
        """Drop everything."""
        ...

    def __len__(self) -> int: ...


class FifoOrder(Order[K]):
    """First come, first served; priorities are ignored."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[K, float]] = deque()

    def push(self, key: K, priority: int, since: float) -> None:
        """Stand at the end of the line."""
        del priority
        self._waiting.append((key, since))

    def raise_priority(self, key: K, priority: int) -> None:
        """Nothing to do."""

    def pop(self, now: float) -> tuple[K, float]:
        """The key that waits longest."""
        del now
        return self._waiting.popleft()

    def oldest(self) -> float | None:
        """When the first in line became due."""
        return self._waiting[0][1] if self._waiting else None

    def clear(self) -> None:
        """Drop everything."""
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)


class Queue(Generic[K]):
    """The core: de-duplication, one worker per key, shutdown. See the module for what it promises.

    Args:
        order: who is next; first come first served by default.
        clock: monotonic seconds; the running loop's clock by default.
        series: where to count; nothing is counted without it.
    """

    def __init__(
        self,
        *,
        order: Order[K] | None = None,
        clock: Callable[[], float] | None = None,
        series: QueueSeries | None = None,
    ) -> None:
        self._order: Order[K] = order if order is not None else FifoOrder()
        self._clock = clock if clock is not None else asyncio.get_running_loop().time
        self._series = series
        self._dirty: set[K] = set()  # waiting, or to be handed out again after `done`
        self._again: dict[K, int] = {}  # of these, the ones a worker has, with their priority
        self._processing: dict[K, float] = {}  # key -> when it was handed out
        self._getters: deque[asyncio.Future[None]] = deque()
        self._drained: list[asyncio.Future[None]] = []
        self._closed = False
        if series is not None:
            series.attach(self)

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._order)

    def __contains__(self, key: K) -> bool:
        """Whether the key will be handed out (again) without a further `add`."""
        return key in self._dirty

    @property
    def shutting_down(self) -> bool:
        """Whether `shut_down` was called."""
        return self._closed

    @property
    def processing(self) -> dict[K, float]:
        """The keys that workers have, and since when (seconds of the clock). Read only."""
        return self._processing

    @property
    def oldest_due_age(self) -> float:
        """Seconds that the longest waiting key has been due; 0 when none waits. Keys that a worker has do not count."""
        since = self._order.oldest()
        return 0.0 if since is None else max(0.0, self._clock() - since)

    def running_ages(self) -> Sequence[float]:
        """Seconds that each key is with its worker."""
        now = self._clock()
        return [now - started for started in self._processing.values()]

    def add(self, key: K, priority: int = 0) -> None:
        """Queue the key now. A key that is waiting stays one entry, at the higher of the priorities."""
        if self._closed:
            return
        if key in self._dirty:
            self._merge(key, priority)
            return
        self._dirty.add(key)
        if self._series is not None:
            self._series.adds += 1
        if key in self._processing:
            self._again[key] = priority
            return
        self._order.push(key, priority, self._clock())
        if self._getters:
            self._wake()

    async def get(self) -> K:
        """Wait for the next key; call `done` for it afterwards, whatever happened.

        Raises:
            QueueShutDownError: shut down, and nothing is left.

        Cancellation while waiting takes no key.
        """
        order = self._order
        while not len(order):
            if self._closed:
                raise QueueShutDownError("the work queue is shut down")
            await self._wait()
        now = self._clock()
        key, since = order.pop(now)
        self._dirty.discard(key)
        self._processing[key] = now
        if self._series is not None:
            self._series.waited.observe(now - since)
        return key

    def done(self, key: K) -> None:
        """The worker is finished with the key; if it was added meanwhile it becomes available again.

        Raises:
            ValueError: no worker has the key.
        """
        started = self._processing.pop(key, None)
        if started is None:
            raise ValueError(f"done({key}) without get: no worker has this key")
        if self._series is not None:
            self._series.worked.observe(self._clock() - started)
        again = self._again.pop(key, None)
        if again is not None:
            # Due from now on: until here it did not wait for a worker, its worker was busy with it.
            self._order.push(key, again, self._clock())
            self._wake()
        elif self._closed:
            self._check_drained()

    def shut_down(self, *, discard: bool = False) -> None:
        """Accept nothing more. What is queued is still handed out, unless `discard` drops it. May be called again."""
        self._closed = True
        if discard:
            self._order.clear()
            self._again.clear()
            self._dirty.clear()
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)
        self._check_drained()

    async def drain(self) -> None:
        """Shut down and wait until every queued key was handed out and is done.

        Cancellation leaves the queue shut down.
        """
        self.shut_down()
        if not self._idle:
            waiter = asyncio.get_running_loop().create_future()
            self._drained.append(waiter)
            await waiter

    @property
    def _idle(self) -> bool:
        return not self._processing and not len(self._order)

    def _merge(self, key: K, priority: int) -> None:
        again = self._again.get(key)
        if again is None:
            self._order.raise_priority(key, priority)
        elif priority > again:
            self._again[key] = priority

    def _check_drained(self) -> None:
        if self._idle:
            for waiter in self._drained:
                if not waiter.done():
                    waiter.set_result(None)
            self._drained.clear()

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    async def _wait(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            # Woken and cancelled in the same turn: the key that woke us is somebody else's.
            if getter.done() and not getter.cancelled() and len(self._order):
                self._wake()
            elif getter in self._getters:
                self._getters.remove(getter)
            raise
