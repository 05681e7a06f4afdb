"""What handlers of an informer are told."""

from __future__ import annotations

from typing import Generic

from reconcile.api.model import KubeObject
from reconcile.cache.intake import EventType
from reconcile.cache.store import Entry, Store
from reconcile.client.objects import K

__all__ = ["InformerEvent", "stored_event"]


class _Stored(Generic[K]):
    """An object not yet decoded."""

    __slots__ = ("_entry", "_store")

    def __init__(self, store: Store[K], entry: Entry) -> None:
        self._store = store
        self._entry = entry

    @property
    def key(self) -> tuple[str, str]:
        return self._entry.key

    def decode(self) -> K:
        return self._store.decode(self._entry)


class InformerEvent(Generic[K]):
    """One change of one object; objects are decoded when they are looked at.

    Attributes:
        type: `added`, `updated`, `deleted`, or `sync`: it was there when the handler was added.
        initial: the first list brought it: it may be as old as the cluster.
    """

    __slots__ = ("_new", "_old", "initial", "type")

    def __init__(
        self,
        type: EventType,
        old: K | _Stored[K] | None = None,
        new: K | _Stored[K] | None = None,
        *,
        initial: bool = False,
    ) -> None:
        self.type: EventType = type
        self.initial = initial
        self._old = old
        self._new = new

    @property
    def old(self) -> K | None:
        """The object before; of a deleted one its last known state.

        Raises:
            DecodeError: it does not have the shape of its kind.
        """
        if isinstance(self._old, _Stored):
            self._old = self._old.decode()
        return self._old

    @property
    def new(self) -> K | None:
        """The object after; None when it was deleted.

        Raises:
            DecodeError: it does not have the shape of its kind.
        """
        if isinstance(self._new, _Stored):
            self._new = self._new.decode()
        return self._new

    @property
    def namespace(self) -> str:
        """The object's namespace; never needs decoding."""
        return self._key()[0]

    @property
    def name(self) -> str:
        """The object's name; never needs decoding."""
        return self._key()[1]

    def _key(self) -> tuple[str, str]:
        found = self._new if self._new is not None else self._old
        if isinstance(found, _Stored):
            return found.key
        return (found.namespace, found.name) if isinstance(found, KubeObject) else ("", "")

    def __repr__(self) -> str:
        return f"InformerEvent({self.type!r}, {self.namespace}/{self.name})"


def stored_event(
    store: Store[K], type: EventType, old: Entry | None, new: Entry | None, *, initial: bool = False
) -> InformerEvent[K]:
    """The event of a change of entries."""
    return InformerEvent(
        type,
        None if old is None else _Stored(store, old),
        None if new is None else _Stored(store, new),
        initial=initial,
    )
