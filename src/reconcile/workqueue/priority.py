"""Who is next: classes of urgency, turns between tenants, and a bound so that nothing starves.

Keys of a higher class go first; inside a class the tenants take turns, each first come first served. As soon as the key that
waits longest has been due for `max_wait` seconds, every second key handed out is the longest waiting one, whatever its class
or tenant. So under any load half of the workers' capacity follows urgency, and the other half works off what urgency left
behind: a key that has waited `max_wait` with n older ones before it is handed out after at most 2 (n + 1) further keys.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Generic, TypeVar

from reconcile.workqueue.queue import Order

__all__ = ["FairOrder", "Priority"]

K = TypeVar("K", bound=Hashable)


class Priority(IntEnum):
    """Classes of urgency, as in a PriorityClass: the higher goes first."""

    PERIODIC = 0
    """Nothing changed: a refresh whose time has come, or an object found at start."""
    RETRY = 10
    """The last run failed."""
    EVENT = 20
    """Something the object depends on changed."""
    SPEC = 30
    """Somebody edited the object and waits for the effect."""
    NEW = 40
    """The object was never seen before."""


class _Entry(Generic[K]):
    __slots__ = ("key", "lane", "since", "tenant")

    def __init__(self, key: K, since: float, tenant: str, lane: _Lane[K]) -> None:
        self.key = key
        self.since = since
        self.tenant = tenant
        self.lane: _Lane[K] | None = lane  # None once handed out; elsewhere after a raise


class _Lane(Generic[K]):
    """The keys of one class: a line per tenant, and the tenants in a ring."""

    __slots__ = ("count", "lines", "priority", "stale", "turns")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.count = 0
        self.stale = 0  # entries still in a line that were handed out or raised from elsewhere
        self.lines: dict[str, deque[_Entry[K]]] = {}
        self.turns: deque[str] = deque()

    def push(self, entry: _Entry[K]) -> None:
        line = self.lines.get(entry.tenant)
        if line is None:
            line = self.lines[entry.tenant] = deque()
            self.turns.append(entry.tenant)
        line.append(entry)
        self.count += 1

    def pop(self) -> _Entry[K]:
        """The next tenant's first; only called when `count` > 0."""
        while True:
            tenant = self.turns.popleft()
            line = self.lines[tenant]
            entry = line.popleft()
            if line:
                # A tenant whose first entry was stale keeps its turn.
                if entry.lane is self:
                    self.turns.append(tenant)
                else:
                    self.turns.appendleft(tenant)
            else:
                del self.lines[tenant]
            if entry.lane is self:
                self.count -= 1
                return entry
            self.stale -= 1

    def drop(self) -> None:
        """One entry of this lane was taken from outside; sweep when most of the lane is such leftovers."""
        self.count -= 1
        self.stale += 1
        if self.stale > 64 and self.stale > self.count:
            lines = {tenant: deque(e for e in line if e.lane is self) for tenant, line in self.lines.items()}
            self.lines = {tenant: line for tenant, line in lines.items() if line}
            self.turns = deque(tenant for tenant in self.turns if tenant in self.lines)
            self.stale = 0


def _no_tenant(key: Hashable) -> str:
    del key
    return ""


class FairOrder(Order[K]):
    """Urgency first, tenants in turn, nobody starves. See the module.

    Args:
        tenant: names whom a key belongs to; all keys belong together by default.
        max_wait: seconds after which the longest waiting key gets every second turn.
    """

    def __init__(self, *, tenant: Callable[[K], str] = _no_tenant, max_wait: float = 30.0) -> None:
        self._tenant = tenant
        self._max_wait = max_wait
        self._entries: dict[K, _Entry[K]] = {}
        self._ages: deque[_Entry[K]] = deque()
        self._lanes: dict[int, _Lane[K]] = {}
        self._descending: list[_Lane[K]] = []
        self._urgent_turn = False

    def push(self, key: K, priority: int, since: float) -> None:
        """Stand in the line of the key's tenant and class."""
        lane = self._lanes.get(priority) or self._new_lane(priority)
        entry = _Entry(key, since, self._tenant(key), lane)
        self._entries[key] = entry
        self._ages.append(entry)
        lane.push(entry)

    def raise_priority(self, key: K, priority: int) -> None:
        """Move the key to a higher class, at the end of its line there; its age stays."""
        entry = self._entries[key]
        lane = entry.lane
        if lane is None or lane.priority >= priority:
            return
        higher = self._lanes.get(priority) or self._new_lane(priority)
        entry.lane = higher
        lane.drop()
        higher.push(entry)

    def pop(self, now: float) -> tuple[K, float]:
        """The most urgent key, or every second time the one that waited past the bound."""
        oldest = self._first_by_age()
        lane: _Lane[K] | None
        if oldest is not None and not self._urgent_turn and now - oldest.since >= self._max_wait:
            self._urgent_turn = True
            entry = oldest
            lane = entry.lane
            entry.lane = None
            if lane is not None:
                lane.drop()
        else:
            self._urgent_turn = False
            entry = next(lane for lane in self._descending if lane.count).pop()
            entry.lane = None
        del self._entries[entry.key]
        if len(self._ages) > 2 * len(self._entries) + 64:
            self._ages = deque(entry for entry in self._ages if entry.lane is not None)
        return entry.key, entry.since

    def oldest(self) -> float | None:
        """When the longest waiting key became due."""
        entry = self._first_by_age()
        return None if entry is None else entry.since

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self._ages.clear()
        self._lanes.clear()
        self._descending.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _first_by_age(self) -> _Entry[K] | None:
        ages = self._ages
        while ages and ages[0].lane is None:
            ages.popleft()
        return ages[0] if ages else None

    def _new_lane(self, priority: int) -> _Lane[K]:
        lane = self._lanes[priority] = _Lane(priority)
        self._descending = sorted(self._lanes.values(), key=lambda lane: -lane.priority)
        return lane
