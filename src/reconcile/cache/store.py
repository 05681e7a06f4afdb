"""Objects as raw JSON bytes with a small struct of metadata beside them, and secondary indexes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic

import msgspec

from reconcile.client.objects import K, decode, decode_metadata
from reconcile.client.wire import MalformedError
from reconcile.errors import DecodeError
from reconcile.tracebacks import frames_of

__all__ = ["Entry", "Parser", "Store", "Transform", "is_older", "labels_of"]

_LOG = logging.getLogger(__name__)

_RECENT = 128
"""Objects of a store that are kept decoded: those in the hands of the workers, not those that merely exist."""

Transform = Callable[[dict[str, Any]], dict[str, Any]]
Key = tuple[str, str]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object: what is needed to route it, and its JSON without managedFields."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    raw: bytes = b""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return (self.namespace, self.name)


class _Labels(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct):
    metadata: _Labels


_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRY = msgspec.json.Decoder(Entry)
_ENCODE = msgspec.json.Encoder()


class Parser:
    """Makes entries of objects on the wire.

    Args:
        metadata_only: keep nothing but metadata, also when the server sent more.
        transform: called with the decoded object to leave out what nobody reads; costs a decoding per object.
    """

    def __init__(self, *, metadata_only: bool = False, transform: Transform | None = None) -> None:
        self._metadata_only = metadata_only
        self._transform = transform

    def parse(self, body: bytes | msgspec.Raw) -> Entry:
        """The entry of one object; shares no memory with `body`.

        Raises:
            MalformedError: this is not an object with metadata.
        """
        try:
            parts = _PARTS.decode(body)
            metadata = parts["metadata"]
            inner = _PARTS.decode(metadata)
            if inner.pop("managedFields", None) is not None:
                metadata = msgspec.Raw(_ENCODE.encode(inner))
                parts["metadata"] = metadata
            entry = _ENTRY.decode(metadata)
        except (msgspec.DecodeError, KeyError) as err:
            raise MalformedError("the API server sent something that is not an object with metadata") from err
        if self._metadata_only:
            parts = {"metadata": metadata}
        # The copy is exact; what the encoder returns keeps the half-empty buffer it was written in.
        raw = bytes(memoryview(self._transformed(entry, _ENCODE.encode(parts))))
        # Thousands of objects share a few namespaces.
        return Entry(entry.name, sys.intern(entry.namespace), entry.uid, entry.resource_version, raw)

    def _transformed(self, entry: Entry, raw: bytes) -> bytes:
        if self._transform is None:
            return raw
        try:
            return _ENCODE.encode(self._transform(msgspec.json.decode(raw)))
        except Exception as err:  # noqa: BLE001 - see below
            # Somebody else's code: without it the object is larger than wished, but it is there.
            _LOG.error("a transform failed on %s/%s\n%s", entry.namespace, entry.name, frames_of(err))
            return raw


def labels_of(entry: Entry) -> dict[str, str]:
    """The labels of an entry; decoded when asked for, since hardly anybody asks."""
    return msgspec.json.decode(entry.raw, type=_Labelled).metadata.labels or {}


def is_older(left: str, right: str) -> bool:
    """Whether `left` is a resource version before `right`; False where they cannot be compared.

    Versions are opaque but for this: where both are decimal numbers, the API server counts upwards.
    """
    return left.isdecimal() and right.isdecimal() and int(left) < int(right)


class Store(Generic[K]):
    """The objects of one kind by namespace and name, and by the indexes given.

    Args:
        kind: decoded to this when read.
        indexes: name -> function from an object to the values it is found under.
        metadata_only: the entries hold metadata only.
    """

    def __init__(
        self,
        kind: type[K],
        *,
        indexes: Mapping[str, Callable[[K], Iterable[str]]] | None = None,
        metadata_only: bool = False,
    ) -> None:
        self._kind = kind
        self._metadata_only = metadata_only
        self._namespaces: dict[str, dict[str, Entry]] = {}
        self._functions = dict(indexes or {})
        self._indexes: dict[str, dict[str, set[Key]]] = {name: {} for name in self._functions}
        self._indexed: dict[Key, list[tuple[str, str]]] = {}
        self._recent: dict[Key, tuple[Entry, K]] = {}
        self.bytes_cached = 0
        self.size = 0

    def decode(self, entry: Entry) -> K:
        """The object of an entry; the last few stay decoded, since one change is looked at by many.

        Raises:
            DecodeError: it does not have the shape of its kind.
        """
        key = (entry.namespace, entry.name)
        known = self._recent.get(key)
        if known is not None and known[0] is entry:
            return known[1]
        found = (decode_metadata if self._metadata_only else decode)(self._kind, entry.raw)
        self._recent.pop(key, None)
        self._recent[key] = (entry, found)
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return found

    def get(self, key: Key) -> Entry | None:
        """The entry of that namespace and name."""
        return self._namespaces.get(key[0], {}).get(key[1])

    def put(self, entry: Entry) -> Entry | None:
        """Put an entry in the place of the one with its key, which is returned."""
        objects = self._namespaces.setdefault(entry.namespace, {})
        old = objects.get(entry.name)
        objects[entry.name] = entry
        self.bytes_cached += len(entry.raw) - (len(old.raw) if old is not None else 0)
        self.size += old is None
        if self._functions:
            self._unindex(entry.key)
            self._index(entry)
        return old

    def remove(self, key: Key) -> Entry | None:
        """Take an entry out and return it."""
        objects = self._namespaces.get(key[0], {})
        old = objects.pop(key[1], None)
        if old is not None:
            self.bytes_cached -= len(old.raw)
            self.size -= 1
            self._unindex(key)
            self._recent.pop(key, None)
            if not objects:
                del self._namespaces[key[0]]
        return old

    def entries(self, namespace: str | None = None) -> Iterator[Entry]:
        """The entries of one namespace or of all; a copy, so the store may change meanwhile."""
        if namespace is not None:
            yield from list(self._namespaces.get(namespace, {}).values())
            return
        for objects in list(self._namespaces.values()):
            yield from list(objects.values())

    def indexed(self, index: str, value: str) -> list[Entry]:
        """The entries an index function put under `value`, ordered by namespace and name.

        Raises:
            KeyError: there is no index of that name.
        """
        found = (self.get(key) for key in sorted(self._indexes[index].get(value, ())))
        return [entry for entry in found if entry is not None]

    def add_index(self, name: str, function: Callable[[K], Iterable[str]]) -> None:
        """Add an index over what is here and what comes; the same function under the same name changes nothing.

        Raises:
            ValueError: another function has that name already.
        """
        if self._functions.get(name, function) is not function:
            raise ValueError(f"the informer of {self._kind.resource} has another index named {name!r}")
        if name in self._functions:
            return
        self._functions[name] = function
        self._indexes[name] = {}
        for entry in self.entries():
            self._unindex(entry.key)
            self._index(entry)

    def _index(self, entry: Entry) -> None:
        try:
            found = self.decode(entry)
            places = [(name, value) for name, function in self._functions.items() for value in function(found)]
        except DecodeError:
            # It is reported where it is read; an index cannot hold what has no fields.
            return
        except Exception as err:  # noqa: BLE001 - see below
            # An index function is somebody else's code: its failure must cost one object, not the watch.
            kind, frames = self._kind.resource, frames_of(err)
            _LOG.error("an index function of %s failed on %s/%s\n%s", kind, entry.namespace, entry.name, frames)
            return
        for name, value in places:
            self._indexes[name].setdefault(value, set()).add(entry.key)
        if places:
            self._indexed[entry.key] = places

    def _unindex(self, key: Key) -> None:
        for name, value in self._indexed.pop(key, ()):
            keys = self._indexes[name].get(value)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._indexes[name][value]
