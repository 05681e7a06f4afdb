"""Which stores have an open circuit."""

from __future__ import annotations

from collections.abc import Callable

from eso.stores.metrics import StoreMetrics

__all__ = ["Circuits"]


class Circuits:
    """Collects what the brokers say about their circuits: a store may have several clients, and is held back while one is.

    Args:
        metrics: shows it for each store.
    """

    def __init__(self, metrics: StoreMetrics) -> None:
        self._metrics = metrics
        self._open: dict[tuple[str, str, str], set[object]] = {}
        self._listeners: list[Callable[[tuple[str, str, str]], None]] = []

    def listen(self, listener: Callable[[tuple[str, str, str]], None]) -> Callable[[], None]:
        """Be told of each store (kind, namespace, name) whose circuit opens or closes; returns the way to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def is_open(self, store: tuple[str, str, str]) -> bool:
        """Whether calls to the store's provider are held back because it does not answer."""
        return store in self._open

    def changed(self, store: tuple[str, str, str], broker: object, is_open: bool) -> None:
        """The circuit of one client of the store is open, or closed."""
        before = self.is_open(store)
        brokers = self._open.setdefault(store, set()) if is_open else self._open.get(store, set())
        (brokers.add if is_open else brokers.discard)(broker)
        if not brokers:
            self._open.pop(store, None)
        now = self.is_open(store)
        if now == before:
            return
        self._metrics.circuit(store, now)
        for listener in list(self._listeners):
            listener(store)
