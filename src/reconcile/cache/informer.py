"""A copy of one collection that is kept in step, and tells of every change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic

import msgspec
from prometheus_client import Counter

from reconcile.cache.events import InformerEvent, stored_event
from reconcile.cache.intake import EventType, Intake, Sync
from reconcile.cache.reflector import Reflector
from reconcile.cache.store import Entry, Parser, Store, Transform, is_older, labels_of
from reconcile.client import listing
from reconcile.client.client import Client
from reconcile.client.listing import Scope
from reconcile.client.objects import K
from reconcile.client.selectors import parse_field_selector, parse_selector
from reconcile.errors import DecodeError
from reconcile.metrics import CacheMetrics
from reconcile.tracebacks import frames_of

__all__ = ["Informer"]

_LOG = logging.getLogger(__name__)
# Twice the idle timeout: a reflector that did nothing for so long is stuck, for it retries every 30 s when it fails.
_DEAD_AFTER = 300.0


class Informer(Generic[K]):
    """Objects of one kind, read from memory.

    Args:
        kind: the kind.
        client: the way to the API server.
        namespace: one namespace, several, or empty for all.
        label_selector: as in `kubectl -l`.
        field_selector: for example `metadata.name=x`.
        metadata_only: hold nothing but metadata; objects read have everything else at its default.
        indexes: name -> function from an object to the values it is found under.
        transform: called with each object's JSON to leave out what nobody reads.
        optional: the kind may be unknown to the API server: that counts as synced with no objects.
        streaming: list by watching where the server can.
        idle_timeout: seconds without a byte after which a watch counts as dead.
        metrics: where lists, failures and events are counted.

    Attributes:
        synced: set once everything was listed once.
        lossless: whether objects are held with every field but managedFields.
    """

    def __init__(
        self,
        kind: type[K],
        client: Client,
        *,
        namespace: str | Sequence[str] = "",
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        indexes: Mapping[str, Callable[[K], Iterable[str]]] | None = None,
        transform: Transform | None = None,
        optional: bool = False,
        streaming: bool = True,
        idle_timeout: float = listing.IDLE_TIMEOUT,
        metrics: CacheMetrics | None = None,
    ) -> None:
        self.kind = kind
        self.lossless = transform is None and not metadata_only
        self._metrics = metrics
        self._name = str(kind.resource)
        self._counters: dict[EventType, Counter] = {}
        self.metadata_only = metadata_only
        self.optional = optional
        self.namespaces: tuple[str, ...] = (namespace,) if isinstance(namespace, str) else tuple(namespace)
        self._labels = parse_selector(label_selector)
        self._fields = parse_field_selector(field_selector)
        self._parser = Parser(metadata_only=metadata_only, transform=transform)
        self._store: Store[K] = Store(kind, indexes=indexes, metadata_only=metadata_only)
        self._intake: Intake[K] = Intake(self._store, self._emit)
        self._handlers: list[Callable[[InformerEvent[K]], None]] = []
        self._running = False
        self.synced = asyncio.Event()
        self._reflectors = [
            Reflector(
                client.transport,
                Scope(kind.resource, one, label_selector, field_selector, metadata_only),
                _Feed(self._intake, self._parser, one or None),
                streaming=streaming,
                idle_timeout=idle_timeout,
                metrics=metrics,
            )
            for one in self.namespaces
        ]

    async def run(self) -> None:
        """Keep in step until cancelled; never returns by itself."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                for reflector in self._reflectors:
                    tasks.create_task(reflector.run(), name=f"reflector {self.kind.resource}")
                for reflector in self._reflectors:
                    await (reflector.settled if self.optional else reflector.synced).wait()
                self.synced.set()
        finally:
            self._running = False

    @property
    def running(self) -> bool:
        """Whether `run` runs; what is held is only as fresh as its end otherwise."""
        return self._running

    @property
    def complete(self) -> bool:
        """Whether an object that is not here does not exist (in these namespaces)."""
        return self.synced.is_set() and not self._labels and not self._fields

    @property
    def scope(self) -> str:
        """What is watched, for messages."""
        where = ",".join(self.namespaces)
        selectors = ",".join(filter(None, (str(self._labels), str(self._fields))))
        return self._name + (f" in {where}" if where else "") + (f" [{selectors}]" if selectors else "")

    @property
    def available(self) -> bool:
        """False while the API server does not know the kind."""
        return all(reflector.available for reflector in self._reflectors)

    def get(self, name: str, namespace: str = "") -> K | None:
        """The object of that name, or None.

        Raises:
            DecodeError: it does not have the shape of its kind.
        """
        entry = self._store.get(self._key(name, namespace))
        return None if entry is None else self._store.decode(entry)

    def get_wire(self, name: str, namespace: str = "") -> bytes | None:
        """The object's JSON as it is held, or None."""
        entry = self._store.get(self._key(name, namespace))
        return None if entry is None else entry.raw

    def list(self, namespace: str | None = None, index: tuple[str, str] | None = None) -> list[K]:
        """The objects of one namespace or of all (None), or those under one value of an index.

        Objects that do not have the shape of their kind are left out and logged.
        """
        if not self.kind.resource.namespaced:
            namespace = None
        if index is not None:
            entries: Iterable[Entry] = self._store.indexed(*index)
            if namespace is not None:
                entries = [entry for entry in entries if entry.namespace == namespace]
        else:
            entries = self._store.entries(namespace)
        found: list[K] = []
        for entry in entries:
            try:
                found.append(self._store.decode(entry))
            except DecodeError as err:
                if self._metrics is not None:
                    self._metrics.decode_failures.labels(self._name).inc()
                _LOG.warning("%s %s/%s left out: %s", self.kind.resource.kind, entry.namespace, entry.name, err)
        return found

    def add_index(self, name: str, function: Callable[[K], Iterable[str]]) -> None:
        """Add an index; see `list`.

        Raises:
            ValueError: another function has that name already.
        """
        self._store.add_index(name, function)

    def add_handler(self, handler: Callable[[InformerEvent[K]], None]) -> Callable[[], None]:
        """Call `handler` for every change, and now for every object that is here with type `sync`.

        It is called synchronously in the loop, so it must be quick; what it raises is logged and stops nobody.

        Returns:
            a function that removes the handler.
        """
        self._handlers.append(handler)
        for entry in self._store.entries():
            self._tell(handler, stored_event(self._store, "sync", None, entry))

        def remove() -> None:
            if handler in self._handlers:
                self._handlers.remove(handler)

        return remove

    def observe(self, body: bytes) -> None:
        """Take in an object as the server answered a write, if it is in scope and newer than what is here."""
        if not self._running:
            return
        entry = self._parser.parse(body)
        if "" not in self.namespaces and entry.namespace not in self.namespaces:
            return
        if self._is_covered(entry) or not self._selects_fields(entry):
            return
        if self._labels.matches(labels_of(entry)):
            self._intake.take(entry, written=True)
        else:
            self._intake.gone(entry)

    def _is_covered(self, entry: Entry) -> bool:
        """Whether the watch is past this version: then what is held is newer, or the object is gone since."""
        for namespace, reflector in zip(self.namespaces, self._reflectors, strict=True):
            if namespace in ("", entry.namespace):
                newest = reflector.newest
                return entry.resource_version == newest or is_older(entry.resource_version, newest)
        return False

    def _selects_fields(self, entry: Entry) -> bool:
        identity = {"metadata.name": entry.name, "metadata.namespace": entry.namespace}
        if identity.keys() >= set(self._fields.paths):
            return self._fields.matches(identity)
        # Only the server knows how other fields are selected by; for what is not here yet, the watch will tell.
        return self._store.get(entry.key) is not None

    def observe_deleted(self, name: str, namespace: str, uid: str) -> None:
        """Take in that the object with this uid is gone."""
        if self._running:
            self._intake.forget(self._key(name, namespace), uid)

    @property
    def last_event_age(self) -> float:
        """Seconds since the API server was last heard of, bookmarks included; infinite before the first time."""
        contacts = [reflector.last_contact for reflector in self._reflectors]
        now = asyncio.get_running_loop().time()
        return max(float("inf") if contact is None else now - contact for contact in contacts)

    @property
    def bytes_cached(self) -> int:
        """Bytes of JSON held."""
        return self._store.bytes_cached

    def __len__(self) -> int:
        return self._store.size

    @property
    def alive(self) -> bool:
        """Whether `run` runs and keeps trying; an API server that is down does not make it dead, see `last_event_age`."""
        now = asyncio.get_running_loop().time()
        tries = [reflector.last_try for reflector in self._reflectors]
        return self._running and all(at is None or now - at < _DEAD_AFTER for at in tries)

    @property
    def last_error(self) -> Exception | None:
        """What failed last and has not been overcome since; None while all is well."""
        return next((found.last_error for found in self._reflectors if found.last_error is not None), None)

    def _key(self, name: str, namespace: str) -> tuple[str, str]:
        return (namespace if self.kind.resource.namespaced else "", name)

    def _emit(self, type: EventType, old: Entry | None, new: Entry | None, initial: bool) -> None:
        if self._metrics is not None:
            counter = self._counters.get(type)
            if counter is None:
                counter = self._counters[type] = self._metrics.events.labels(self._name, type)
            counter.inc()
        if not self._handlers:
            return
        event = stored_event(self._store, type, old, new, initial=initial)
        for handler in list(self._handlers):
            self._tell(handler, event)

    def _tell(self, handler: Callable[[InformerEvent[K]], None], event: InformerEvent[K]) -> None:
        try:
            handler(event)
        except Exception as err:  # noqa: BLE001 - a handler is somebody else's code: its failure must not end the watch
            if self._metrics is not None:
                self._metrics.handler_failures.labels(self._name).inc()
            _LOG.error("a handler of %s failed on %s\n%s", self.kind.resource, event, frames_of(err))


class _Feed(Generic[K]):
    """The sink of one reflector of an informer."""

    def __init__(self, intake: Intake[K], parser: Parser, namespace: str | None) -> None:
        self._intake = intake
        self._parser = parser
        self._namespace = namespace
        self._sync: Sync | None = None
        self._initial = True

    def begin(self, version: str) -> None:
        self._sync = self._intake.begin(self._namespace, initial=self._initial, version=version)

    def present(self, body: bytes | msgspec.Raw, listing: bool) -> str:
        entry = self._parser.parse(body)
        self._intake.take(entry, self._sync if listing else None)
        return entry.resource_version

    def gone(self, body: bytes | msgspec.Raw, listing: bool) -> str:
        entry = self._parser.parse(body)
        self._intake.gone(entry, self._sync if listing else None)
        return entry.resource_version

    def commit(self, version: str) -> None:
        if self._sync is not None:
            self._intake.commit(self._sync, version)
        self._sync = None
        self._initial = False
