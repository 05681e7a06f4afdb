"""Whose turn it is to read: a store that is slow keeps some workers, never all of them.

A store may take a worker while it would have at most twice as many as stay free. One slow store gets two thirds of them, the next two
thirds of the rest, and so on: of 32 workers four stores that hang leave one free. An object whose store has enough is put aside
and costs nothing until a read of that store ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

from reconcile.api.request import Request
from reconcile.errors import ReconcileError

__all__ = ["NotYetError", "Turns"]

_SHARE: Final = 2


class NotYetError(ReconcileError):
    """The object was put aside and is asked for again when it is its turn."""


class Turns:
    """Counts the reads under way of each store, and keeps those that have to wait, first come first served.

    Args:
        workers: reconciles in flight at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._reading: Counter[str] = Counter()
        self._busy = 0
        self._aside: dict[str, dict[Request, None]] = {}
        self._where: dict[Request, str] = {}
        self._enqueue: Callable[[Request], None] | None = None

    def bind(self, enqueue: Callable[[Request], None]) -> None:
        """Where to send those whose turn has come."""
        self._enqueue = enqueue

    @property
    def waiting(self) -> int:
        """Objects that were put aside."""
        return len(self._where)

    @contextmanager
    def taken(self, request: Request, stores: Collection[str]) -> Iterator[None]:
        """Hold a worker for a read of these stores.

        Raises:
            NotYetError: one of them has enough; the request was put aside.
        """
        self.forget(request)
        for store in stores:
            if not self._has_room(store):
                self._aside.setdefault(store, {})[request] = None
                self._where[request] = store
                raise NotYetError(f"{request} waits: many reads of {store} are under way")
        self._reading.update(stores)
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._reading.subtract(stores)
            for store in stores:
                if self._reading[store] <= 0:
                    del self._reading[store]
            self.wake()

    def wake(self) -> None:
        """Ask for those that there is room for again; call it whenever a pass ends."""
        for store, waiting in list(self._aside.items()):
            if self._has_room(store):
                request = next(iter(waiting))
                self.forget(request)
                if self._enqueue is not None:
                    self._enqueue(request)

    def forget(self, request: Request) -> None:
        """The request is no longer aside: it has come, or its object is gone."""
        store = self._where.pop(request, None)
        if store is None:
            return
        waiting = self._aside[store]
        del waiting[request]
        if not waiting:
            del self._aside[store]

    def _has_room(self, store: str) -> bool:
        reading = self._reading[store]
        free = self._workers - self._busy - 1
        return reading == 0 or reading + 1 <= _SHARE * free
