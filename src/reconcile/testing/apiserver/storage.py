"""Objects, one resourceVersion for all of them, and the history that watches read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

__all__ = ["Change", "Durable", "Storage", "Stored", "Subscription", "decode", "encode"]

Object = dict[str, Any]
Key = tuple[str, str]  # namespace, name

# A watcher that lags further behind than this is disconnected and lists again, as the real watch cache does.
MAX_BACKLOG = 20_000
# Changes kept per resource for watches that resume.
HISTORY = 4096
# Added to the resourceVersion when a durable server starts again.
_RESTART_GAP = 1000
# A snapshot serves the following pages of one list.
MAX_SNAPSHOTS = 64

decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def encode(obj: Mapping[str, Any]) -> bytes:
    """JSON with `apiVersion`, `kind` and `metadata` first, which lets other versions be spliced in."""
    head = {key: obj[key] for key in ("apiVersion", "kind", "metadata") if key in obj}
    return _encode({**head, **obj})


@dataclass(slots=True, frozen=True, eq=False)
class Stored:
    """One object as stored: the parsed form must never be changed, `fresh()` is a private copy."""

    obj: Object
    raw: bytes
    version: int

    def fresh(self) -> Object:
        """A copy of the object that the caller may change."""
        copy: Object = decode(self.raw)
        return copy

    @property
    def key(self) -> Key:
        """Namespace and name."""
        metadata = self.obj["metadata"]
        return metadata.get("namespace", ""), metadata["name"]


@dataclass(slots=True, frozen=True, eq=False)
class Change:
    """One write: `old` is None for creations; a deletion has `deleted` set and its last state in `new`."""

    resource: str
    version: int
    new: Stored
    old: Stored | None
    deleted: bool = False


class Durable(Protocol):
    """Where writes go to survive the process."""

    def load(self) -> tuple[int, Iterable[tuple[str, bytes]]]:
        """The highest resourceVersion and every object with its resource key."""

    def record(self, change: Change) -> None:
        """Remember a write; it is durable when `flush` returns."""

    async def flush(self) -> None:
        """Wait until every recorded write is on disk."""


class Subscription:
    """The live changes of one resource, in order. Close it when done."""

    def __init__(self, close: Callable[[Subscription], None], max_backlog: int = MAX_BACKLOG) -> None:
        self.pending: deque[Change] = deque()
        self.overrun = False
        self._max_backlog = max_backlog
        self._wake = asyncio.Event()
        self._close = close

    def push(self, change: Change) -> None:
        """Called by the storage for each write."""
        if len(self.pending) >= self._max_backlog:
            self.overrun = True
        else:
            self.pending.append(change)
        self._wake.set()

    def wake(self) -> None:
        """Let a waiting reader look again."""
        self._wake.set()

    async def wait(self, timeout: float | None) -> bool:
        """Wait for changes; False when `timeout` seconds passed without one."""
        if not self.pending and not self.overrun:
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                return False
        self._wake.clear()
        return True

    def close(self) -> None:
        """Stop receiving."""
        self._close(self)


@dataclass(slots=True)
class _Table:
    objects: dict[Key, Stored] = field(default_factory=dict)
    ordered: list[Key] | None = None
    history: deque[Change] = field(default_factory=deque)
    compacted: int = 0
    subscriptions: list[Subscription] = field(default_factory=list)


class Storage:
    """All objects by resource key. Every write is one step of the event loop, so reads are consistent.

    Args:
        durable: receives every write; None keeps objects in memory only.
        history: changes kept per resource.
        max_backlog: changes that may wait for one watch before it is ended.
    """

    def __init__(
        self, durable: Durable | None = None, *, history: int = HISTORY, max_backlog: int = MAX_BACKLOG
    ) -> None:
        self.version = 1
        self._tables: dict[str, _Table] = {}
        self._history = history
        self._max_backlog = max_backlog
        self._durable = durable
        self._listeners: list[Callable[[Change], None]] = []
        self._snapshots: dict[tuple[str, int], list[Stored]] = {}
        if durable is not None:
            self._load(durable)

    def _load(self, durable: Durable) -> None:
        version, objects = durable.load()
        # Versions that were handed out but not yet written when a process died must not come again.
        self.version = max(self.version, version) + (_RESTART_GAP if version > 1 else 0)
        for resource, raw in objects:
            obj = decode(raw)
            stored = Stored(obj, raw, int(obj["metadata"]["resourceVersion"]))
            self._table(resource).objects[stored.key] = stored
        for table in self._tables.values():
            table.compacted = self.version

    def _table(self, resource: str) -> _Table:
        table = self._tables.get(resource)
        if table is None:
            table = self._tables[resource] = _Table()
        return table

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` synchronously after every write."""
        self._listeners.append(listener)

    def unlisten(self) -> None:
        """Forget all listeners."""
        self._listeners.clear()

    def get(self, resource: str, namespace: str, name: str) -> Stored | None:
        """The object, or None."""
        table = self._tables.get(resource)
        return table.objects.get((namespace, name)) if table else None

    def listed(self, resource: str, namespace: str | None = None) -> list[Stored]:
        """Every object in order of namespace and name."""
        table = self._tables.get(resource)
        if table is None:
            return []
        if table.ordered is None:
            table.ordered = sorted(table.objects)
        objects = table.objects
        if namespace:
            return [objects[key] for key in table.ordered if key[0] == namespace]
        return [objects[key] for key in table.ordered]

    def resources(self) -> list[str]:
        """Keys of the resources that hold objects."""
        return [key for key, table in self._tables.items() if table.objects]

    def put(self, resource: str, obj: Object) -> Stored:
        """Write an object; its resourceVersion is set here."""
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        stored = Stored(obj, encode(obj), self.version)
        table = self._table(resource)
        old = table.objects.get(stored.key)
        if old is None:
            table.ordered = None
        table.objects[stored.key] = stored
        self._publish(table, Change(resource, self.version, stored, old))
        return stored

    def remove(self, resource: str, namespace: str, name: str) -> Stored:
        """Delete an object; its last state gets the resourceVersion of the deletion."""
        table = self._table(resource)
        old = table.objects.pop((namespace, name))
        table.ordered = None
        self.version += 1
        last = old.fresh()
        last["metadata"]["resourceVersion"] = str(self.version)
        stored = Stored(last, encode(last), self.version)
        self._publish(table, Change(resource, self.version, stored, old, deleted=True))
        return stored

    def _publish(self, table: _Table, change: Change) -> None:
        table.history.append(change)
        if len(table.history) > self._history:
            table.compacted = table.history.popleft().version
        if self._durable is not None:
            self._durable.record(change)
        for subscription in table.subscriptions:
            subscription.push(change)
        for listener in self._listeners:
            listener(change)

    async def flush(self) -> None:
        """Wait until the writes so far are durable."""
        if self._durable is not None:
            await self._durable.flush()

    def oldest(self, resource: str) -> int:
        """Watches can resume from this resourceVersion or a later one."""
        return self._table(resource).compacted

    def compact(self) -> None:
        """Forget all history and snapshots, so that resuming watches and continue tokens get 410."""
        for table in self._tables.values():
            table.history.clear()
            table.compacted = self.version
        self._snapshots.clear()

    def changes_since(self, resource: str, version: int) -> list[Change]:
        """The kept changes after `version`, oldest first."""
        return [change for change in self._table(resource).history if change.version > version]

    def subscribe(self, resource: str) -> Subscription:
        """Receive every change of a resource from now on."""
        table = self._table(resource)
        subscription = Subscription(table.subscriptions.remove, self._max_backlog)
        table.subscriptions.append(subscription)
        return subscription

    def watchers(self, resource: str) -> int:
        """How many watches follow a resource now."""
        return len(self._table(resource).subscriptions)

    def wake(self, resource: str) -> None:
        """Let the watches of a resource look again (its kind is no longer served)."""
        for subscription in self._table(resource).subscriptions:
            subscription.wake()

    def wake_all(self) -> None:
        """Let every watch look again (the server stops)."""
        for resource in list(self._tables):
            self.wake(resource)

    def keep_snapshot(self, resource: str, version: int, objects: list[Stored]) -> None:
        """Keep a list so that its following pages come from the same moment."""
        self._snapshots[(resource, version)] = objects
        while len(self._snapshots) > MAX_SNAPSHOTS:
            self._snapshots.pop(next(iter(self._snapshots)))

    def snapshot(self, resource: str, version: int) -> list[Stored] | None:
        """The list kept under a version, None when it is gone."""
        return self._snapshots.get((resource, version))
