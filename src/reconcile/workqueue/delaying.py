"""Keys that become due later: one timer for all of them, the earliest deadline of a key wins."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, TypeVar

__all__ = ["Schedule"]

K = TypeVar("K", bound=Hashable)


class Schedule(Generic[K]):
    """Calls `due(key, priority)` when the deadline of a key has come.

    A key has one deadline: a later one is dropped, an earlier one replaces what stood there, and the higher priority stays.
    """

    def __init__(self, due: Callable[[K, int], None]) -> None:
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[K, tuple[float, int]] = {}
        # Entries whose deadline is no longer the key's are skipped when they come up.
        self._heap: list[tuple[float, int, K]] = []
        self._tie = count()  # keys need no order of their own
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._stopped = False

    def __len__(self) -> int:
        """Keys with a deadline ahead."""
        return len(self._deadlines)

    def deadline(self, key: K) -> float | None:
        """When the key becomes due, in seconds of the loop's clock."""
        entry = self._deadlines.get(key)
        return None if entry is None else entry[0]

    def add(self, key: K, seconds: float, priority: int) -> None:
        """Make the key due in `seconds`, or earlier if it already is to be."""
        if self._stopped:
            return
        deadline = self._loop.time() + seconds
        known = self._deadlines.get(key)
        if known is not None:
            priority = max(priority, known[1])
            if known[0] <= deadline:
                self._deadlines[key] = (known[0], priority)
                return
        self._deadlines[key] = (deadline, priority)
        heapq.heappush(self._heap, (deadline, next(self._tie), key))
        if len(self._heap) > 2 * len(self._deadlines) + 64:
            self._compact()
        self._arm()

    def cancel(self, key: K) -> int | None:
        """Drop the key's deadline; its priority, or None if it had none."""
        entry = self._deadlines.pop(key, None)
        return None if entry is None else entry[1]

    def stop(self) -> None:
        """Drop all deadlines and accept none."""
        self._stopped = True
        self._deadlines.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _compact(self) -> None:
        self._heap = [(deadline, next(self._tie), key) for key, (deadline, _) in self._deadlines.items()]
        heapq.heapify(self._heap)

    def _arm(self) -> None:
        if not self._heap:
            return
        deadline = self._heap[0][0]
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._fire)

    def _fire(self) -> None:
        self._timer = None
        # Timers fire up to one clock tick early.
        now = max(self._loop.time(), self._timer_at)
        while self._heap and self._heap[0][0] <= now:
            deadline, _, key = heapq.heappop(self._heap)
            entry = self._deadlines.get(key)
            if entry is not None and entry[0] == deadline:
                del self._deadlines[key]
                self._due(key, entry[1])
        self._arm()
