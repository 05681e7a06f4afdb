"""The client that reads from informers where there are any, and never reads older than its own writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.matching import AppliedMemory, holds
from reconcile.client.objects import K, ObjectList, apply_body, decode, name_of
from reconcile.client.selectors import parse_selector
from reconcile.errors import NotFoundError

__all__ = ["CachedClient", "CachedKind", "Lookup"]


K_co = TypeVar("K_co", bound=KubeObject, covariant=True)


class CachedKind(Protocol[K_co]):
    """What the client needs of an informer."""

    @property
    def complete(self) -> bool:
        """Whether an object that is not here does not exist (in the informer's namespaces)."""
        ...

    def get(self, name: str, namespace: str = "") -> K_co | None:
        """The object, if it is here."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether objects are held with every field but managedFields."""
        ...

    def get_wire(self, name: str, namespace: str = "") -> bytes | None:
        """The object's JSON as it is held."""
        ...

    def list(self, namespace: str | None = None, index: tuple[str, str] | None = None) -> Sequence[K_co]:
        """The objects of one namespace, or of all."""
        ...

    def observe(self, body: bytes) -> None:
        """Take in an object as the server answered a write."""
        ...

    def observe_deleted(self, name: str, namespace: str, uid: str) -> None:
        """Take in that the object with this uid is gone."""
        ...


class Lookup(Protocol):
    """Finds informers; `reconcile.cache.Cache` is one."""

    def covering(self, kind: type[K], namespace: str) -> CachedKind[K] | None:
        """A synced informer with whole objects of the kind in that namespace (empty: in all), complete if possible."""
        ...

    def holding(self, kind: type[KubeObject], namespace: str) -> Sequence[CachedKind[KubeObject]]:
        """Every informer of the kind that may hold objects of that namespace."""
        ...


class CachedClient(Client):
    """Answers `get`, `find` and `list` from informers of a cache; everything else, and other kinds, go to the server.

    What was written through this client is never read back older than it was written.

    Attributes:
        live: the client without a cache.
    """

    def __init__(self, client: Client, cache: Lookup) -> None:
        super().__init__(client.transport, field_manager=client.field_manager)
        self.live = client
        self._cache = cache
        self._applied = AppliedMemory()

    async def get(self, kind: type[K], name: str, namespace: str = "") -> K:
        """The object of that name, from the cache where it holds the kind.

        Raises:
            NotFoundError: there is none.
            DecodeError: the object is not a `kind`.
            APIError, TransportError: the cache does not hold the kind and the request failed.
        """
        informer = self._cache.covering(kind, namespace if kind.resource.namespaced else "")
        if informer is not None:
            found = informer.get(name, namespace)
            if found is not None:
                return found
            if informer.complete:
                message = f"{name_of(kind, name, namespace)} not found"
                raise NotFoundError(message, status=404, reason="NotFound")
        return await self.live.get(kind, name, namespace)

    async def get_wire(self, kind: type[KubeObject], name: str, namespace: str = "") -> dict[str, Any]:
        """The object with every field the server knows; without managedFields, which a `replace` leaves alone then.

        Raises:
            NotFoundError: there is none.
            APIError, TransportError: the cache does not hold the kind and the request failed.
        """
        found = self._held(kind, name, namespace)
        return found if found is not None else await self.live.get_wire(kind, name, namespace)

    async def apply(
        self,
        obj: K,
        *,
        field_manager: str | None = None,
        owner: KubeObject | None = None,
        force: bool = False,
        subresource: str = "",
    ) -> K:
        """As `Client.apply`, but no request when the cache shows that it would change nothing.

        That is so when the same fields were applied last time by this client and the object still has all of them.

        Raises:
            ConflictError: another manager owns a field; see `field_conflicts`.
            APIError, TransportError: the request failed.
        """
        wanted = apply_body(obj, owner)
        manager = field_manager or self.field_manager
        key = (obj.resource.name, obj.namespace, obj.name, subresource, manager)
        current = self._held(type(obj), obj.name, obj.namespace)
        if current is not None:
            uid = str(current.get("metadata", {}).get("uid", ""))
            if self._applied.unchanged(key, uid, wanted) and holds(current, wanted):
                return type(obj).from_wire(current)
        applied = await super().apply(
            obj, field_manager=field_manager, owner=owner, force=force, subresource=subresource
        )
        self._applied.remember(key, applied.metadata.uid, wanted)
        return applied

    async def list(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
    ) -> ObjectList[K]:
        """All objects of a kind; from the cache where it holds them all and no field selector asks the server.

        The list has no resource version when it came from the cache.

        Raises:
            APIError, TransportError: the cache does not hold the kind and the request failed.
            DecodeError: an item is not a `kind`.
        """
        informer = self._cache.covering(kind, namespace) if not field_selector else None
        if informer is None or not informer.complete:
            return await self.live.list(
                kind, namespace, label_selector=label_selector, field_selector=field_selector, limit=limit
            )
        selector = parse_selector(label_selector)
        items = [item for item in informer.list(namespace or None) if selector.matches(item.metadata.labels)]
        return ObjectList(items)

    def _held(self, kind: type[KubeObject], name: str, namespace: str) -> dict[str, Any] | None:
        informer = self._cache.covering(kind, namespace if kind.resource.namespaced else "")
        raw = informer.get_wire(name, namespace) if informer is not None and informer.lossless else None
        if raw is None:
            return None
        # Items of a list come without these two.
        head = {"apiVersion": kind.resource.api_version, "kind": kind.resource.kind}
        return {**head, **msgspec.json.decode(raw, type=dict[str, Any])}

    def _written(self, kind: type[K], answer: bytes) -> K:
        metadata = self._observed(kind, answer)
        informer = None if metadata is None else self._cache.covering(kind, metadata.namespace)
        if metadata is not None and informer is not None and informer.lossless:
            # Its handlers have decoded it already, and so the next reconcile need not.
            held = informer.get(metadata.name, metadata.namespace)
            if held is not None and _is_version(held, metadata):
                return held
        return decode(kind, answer)

    def _observed(self, kind: type[KubeObject], answer: bytes) -> _Metadata | None:
        """Feed informers with the answer to a write; None when it is not an object of the kind that is stored."""
        found = _identity(answer)
        if found.kind != kind.resource.kind or not found.metadata.uid:
            # Some subresources answer with an object of another kind (a Scale), reviews are never stored.
            return None
        for informer in self._cache.holding(kind, found.metadata.namespace):
            informer.observe(answer)
        return found.metadata

    def _deleted(self, kind: type[KubeObject], name: str, namespace: str, answer: bytes) -> None:
        found = _identity(answer)
        if found.kind == "Status":
            uid = found.details.uid
            if uid:
                for informer in self._cache.holding(kind, namespace):
                    informer.observe_deleted(name, namespace, uid)
        elif found.metadata.name:
            # Finalizers hold it: what came back is the object with its deletionTimestamp.
            self._observed(kind, answer)


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Details(msgspec.Struct):
    uid: str = ""


def _is_version(held: KubeObject, metadata: _Metadata) -> bool:
    found = held.metadata
    return (found.uid, found.resource_version) == (metadata.uid, metadata.resource_version)


class _Identity(msgspec.Struct):
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    details: _Details = msgspec.field(default_factory=_Details)


_IDENTITY = msgspec.json.Decoder(_Identity)


def _identity(answer: bytes) -> _Identity:
    try:
        return _IDENTITY.decode(answer)
    except msgspec.DecodeError:
        return _Identity()
