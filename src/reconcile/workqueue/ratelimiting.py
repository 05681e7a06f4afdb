"""The work queue that controllers use: the core, plus deadlines, plus retries that are limited in rate."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from reconcile.workqueue.delaying import Schedule
from reconcile.workqueue.limiters import RateLimiter, default_limiter
from reconcile.workqueue.metrics import QueueSeries
from reconcile.workqueue.priority import Priority
from reconcile.workqueue.queue import Order, Queue

__all__ = ["WorkQueue"]

K = TypeVar("K", bound=Hashable)


class WorkQueue(Queue[K]):
    """A `Queue` whose keys can also become due later or after a failure. Make it inside a running event loop.

    A key has one next run. Adding it now replaces a deadline that lies ahead; a deadline for a key that is queued already
    changes nothing, because it will be handed out earlier than that.

    Args:
        order: who is next; first come first served by default, see `FairOrder`.
        limiter: delays of `add_rate_limited`; `default_limiter` when left out.
        debounce: seconds that every `add` waits, so that a burst of changes is one run. The first change starts the window.
        series: where to count.
    """

    def __init__(
        self,
        *,
        order: Order[K] | None = None,
        limiter: RateLimiter[K] | None = None,
        debounce: float = 0.0,
        clock: Callable[[], float] | None = None,
        series: QueueSeries | None = None,
    ) -> None:
        super().__init__(order=order, clock=clock, series=series)
        self._schedule = Schedule[K](self._add_due)
        self._limiter: RateLimiter[K] = limiter if limiter is not None else default_limiter(self._clock)
        self._debounce = debounce

    def add(self, key: K, priority: int = Priority.EVENT) -> None:
        """Queue the key, after the debounce window if there is one. The higher priority of several adds counts."""
        if self._debounce > 0 and key not in self:
            self._schedule.add(key, self._debounce, priority)
            return
        if len(self._schedule):
            scheduled = self._schedule.cancel(key)
            # A pending deadline of a lower class must not slow down, nor a higher one be forgotten.
            priority = priority if scheduled is None else max(priority, scheduled)
        super().add(key, priority)

    def add_after(self, key: K, seconds: float, priority: int = Priority.PERIODIC) -> None:
        """Queue the key in `seconds`, or earlier if an earlier deadline stands; at once when `seconds` <= 0."""
        if self.shutting_down:
            return
        if seconds <= 0 or key in self:
            super().add(key, priority)
        else:
            self._schedule.add(key, seconds, priority)

    def add_rate_limited(self, key: K, priority: int = Priority.RETRY, *, at_least: float = 0.0) -> float:
        """Queue the key after a failure; the seconds it waits, at least `at_least`."""
        seconds = max(self._limiter.when(key), at_least)
        if self._series is not None:
            self._series.retries += 1
        self.add_after(key, seconds, priority)
        return seconds

    def forget(self, key: K) -> None:
        """The key succeeded: its next failure waits as short as the first one."""
        self._limiter.forget(key)

    def retries(self, key: K) -> int:
        """Failures since the last `forget`."""
        return self._limiter.retries(key)

    def next_run(self, key: K) -> float | None:
        """When the key is due, in seconds of the loop's clock: now or before if it is queued, None if nothing is planned."""
        return self._clock() if key in self else self._schedule.deadline(key)

    @property
    def scheduled(self) -> int:
        """Keys whose time has not come yet."""
        return len(self._schedule)

    def shut_down(self, *, discard: bool = False) -> None:
        """As `Queue.shut_down`; deadlines ahead are dropped."""
        self._schedule.stop()
        super().shut_down(discard=discard)

    def _add_due(self, key: K, priority: int) -> None:
        super().add(key, priority)
