"""Decides what an object that arrives means for the store: new, changed, known, or older than what is here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Literal

from reconcile.cache.store import Entry, Key, Store, is_older
from reconcile.client.objects import K

__all__ = ["EventType", "Intake", "Sync"]

EventType = Literal["added", "updated", "deleted", "sync"]
Emit = Callable[[EventType, Entry | None, Entry | None, bool], None]

# How many deletions are remembered; only those still on their way through a watch matter.
_TOMBSTONES = 8192


class Sync:
    """One list under way: which objects it showed, and which of them looked older than what is known."""

    def __init__(self, namespace: str | None, floor: str, initial: bool) -> None:
        self.namespace = namespace
        self.floor = floor
        self.initial = initial
        self.seen: set[Key] = set()
        self.stale: dict[Key, Entry] = {}


class Intake(Generic[K]):
    """Applies arrivals to a store in an order that never goes back, whatever order they come in.

    Three streams meet here: lists, watches, and answers to this program's own writes. Each alone is ordered;
    together they are not, so an arrival older than what is stored is dropped, and a deleted uid stays deleted.

    Args:
        store: changed only by this object.
        emit: called once per change, with its type, the entry before, the entry after, and whether a first list made it.
    """

    def __init__(self, store: Store[K], emit: Emit) -> None:
        self._store = store
        self._emit = emit
        self._tombstones: OrderedDict[str, str] = OrderedDict()

    def begin(self, namespace: str | None, *, initial: bool, version: str = "") -> Sync:
        """Start a consistent list of one namespace, or of all.

        Args:
            namespace: None for all.
            initial: nothing was listed before.
            version: the newest version heard of in this scope.
        """
        floor = version if version.isdecimal() else "0"
        for entry in self._store.entries(namespace):
            if is_older(floor, entry.resource_version):
                floor = entry.resource_version
        return Sync(namespace, floor, initial)

    def take(self, entry: Entry, sync: Sync | None = None, *, written: bool = False) -> None:
        """An object as a list, a watch, or (`written`) the answer to a write shows it."""
        if sync is not None:
            sync.seen.add(entry.key)
        old = self._store.get(entry.key)
        if self._is_late(entry, old, written):
            if sync is not None and not self._same(entry, old):
                sync.stale[entry.key] = entry
            return
        self._put(entry, old, sync is not None and sync.initial)

    def gone(self, entry: Entry, sync: Sync | None = None) -> None:
        """An object as a watch shows its deletion, or its leaving the selection."""
        if sync is not None:
            sync.stale.pop(entry.key, None)
        self._bury(entry.uid, entry.resource_version)
        old = self._store.get(entry.key)
        if (
            old is None
            or (entry.uid and old.uid != entry.uid)
            or is_older(entry.resource_version, old.resource_version)
        ):
            return
        self._store.remove(entry.key)
        self._emit("deleted", entry if entry.raw else old, None, False)

    def forget(self, key: Key, uid: str) -> None:
        """The object with this uid was deleted by this program; no watch has said so yet."""
        self._bury(uid, "")
        old = self._store.get(key)
        if old is not None and old.uid == uid:
            self._store.remove(key)
            self._emit("deleted", old, None, False)

    def commit(self, sync: Sync, version: str) -> None:
        """End a list: what it did not show is gone, unless it was written after the list was made."""
        reset = is_older(version, sync.floor)
        if reset:
            # A consistent list older than what was seen before it: the cluster was restored from a backup.
            self._tombstones.clear()
            for entry in sync.stale.values():
                self._put(entry, self._store.get(entry.key), False)
        for entry in self._store.entries(sync.namespace):
            if entry.key in sync.seen or (not reset and is_older(version, entry.resource_version)):
                continue
            self._bury(entry.uid, version)
            self._store.remove(entry.key)
            self._emit("deleted", entry, None, False)

    def _put(self, entry: Entry, old: Entry | None, initial: bool) -> None:
        if old is not None and old.uid != entry.uid:
            # Deleted and created anew between two looks: two changes, not one.
            self._store.remove(old.key)
            self._emit("deleted", old, None, False)
            old = None
        self._store.put(entry)
        self._emit("added" if old is None else "updated", old, entry, initial and old is None)

    def _is_late(self, entry: Entry, old: Entry | None, written: bool) -> bool:
        buried = self._tombstones.get(entry.uid) if entry.uid else None
        if buried is not None and not is_older(buried, entry.resource_version):
            # Buried under a version that cannot be compared, only the watch knows whether it came back.
            return written or buried.isdecimal() or not buried
        if old is None:
            return False
        if self._same(entry, old):
            return True
        return is_older(entry.resource_version, old.resource_version)

    @staticmethod
    def _same(entry: Entry, old: Entry | None) -> bool:
        return old is not None and entry.uid == old.uid and entry.resource_version == old.resource_version

    def _bury(self, uid: str, version: str) -> None:
        if uid:
            self._tombstones[uid] = version
            self._tombstones.move_to_end(uid)
            if len(self._tombstones) > _TOMBSTONES:
                self._tombstones.popitem(last=False)
