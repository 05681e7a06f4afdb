"""Values that a store keeps for a while because it asks so: the service allows few requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

__all__ = ["ValueCache"]

T = TypeVar("T")


class ValueCache:
    """Keeps the values that were used last, each for some time; keeps nothing where it has no room.

    Args:
        size: values that are kept.
        ttl: seconds that each is kept.
        clock: seconds, monotonic.
    """

    def __init__(self, size: int, ttl: float, clock: Callable[[], float]) -> None:
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._entries: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._drops = 0

    def get(self, key: Hashable) -> Any:
        """The value; None when there is none that may still be used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value; the one that was not used for the longest time makes room."""
        self._entries[key] = (self._clock() + self._ttl, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    async def get_or(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """The value, fetched where it is not kept. What something was dropped under is not kept: it may be older."""
        found: T | None = self.get(key)
        if found is not None:
            return found
        before = self._drops
        value = await fetch()
        if self._drops == before:
            self.put(key, value)
        return value

    def drop(self, matches: Callable[[Any], bool]) -> None:
        """Forget the values whose keys match."""
        self._drops += 1
        for key in [key for key in self._entries if matches(key)]:
            del self._entries[key]
