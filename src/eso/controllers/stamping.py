"""One object in many namespaces: created, kept as it should be, taken away. No request where nothing has to change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from eso.controllers.managedfields import owned_fields
from eso.controllers.namespaces import is_terminating
from eso.errors import EsoError
from reconcile.api.core_v1 import Namespace
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject, Model
from reconcile.cache.informer import Informer
from reconcile.client.cached import CachedClient
from reconcile.client.patch import MergePatch, merge_diff
from reconcile.errors import (
    AlreadyExistsError,
    APIError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    TransportError,
)
from reconcile.owners import is_controlled_by

__all__ = [
    "FIELD_MANAGER",
    "OWNER_INDEX",
    "Blueprint",
    "Failed",
    "ForeignObjectError",
    "NamespaceGoneError",
    "OutOfReachError",
    "Stamped",
    "Stamper",
    "by_controller",
    "each_namespace",
    "is_passing",
    "stamp",
]

T = TypeVar("T", bound=KubeObject)

FIELD_MANAGER: Final = "external-secrets"
"""Who owns the fields of stamped objects; the name under which External Secrets Operator writes them."""

OWNER_INDEX: Final = "controller uid"

_AT_ONCE: Final = 16
"""Namespaces that are written to at the same time."""

_BREATH: Final = 64
"""Namespaces that are compared before others in the loop get their turn."""


class ForeignObjectError(EsoError):
    """There is an object of that name that belongs to somebody else."""


class NamespaceGoneError(EsoError):
    """The namespace is going away or gone: nothing can be created there, and nothing has to be."""


class OutOfReachError(EsoError):
    """The operator does not watch the namespace: it would not see what becomes of an object there."""


Failed = dict[str, Exception]
"""Namespace -> what went wrong there."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What each object looks like.

    Attributes:
        name: of the objects.
        labels: that they carry; others of theirs stay if somebody else has put them there.
        annotations: as `labels`.
        spec: their spec.
    """

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Model
    wire: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, name: str, labels: Mapping[str, str] | None, annotations: Mapping[str, str] | None, spec: Model
    ) -> Blueprint:
        """With the JSON form of the spec worked out once for all namespaces."""
        return cls(name, dict(labels or {}), dict(annotations or {}), spec, spec.to_wire())


def by_controller(obj: KubeObject) -> Iterable[str]:
    """Index function: the uid of the object's controller."""
    controller = obj.metadata.controller
    return [controller.uid] if controller is not None else []


def is_passing(err: Exception) -> bool:
    """Whether trying again soon may help."""
    return isinstance(err, ConflictError | ServerError | TooManyRequestsError | TransportError | TimeoutError)


class Stamper(Generic[T]):
    """Keeps the objects of one kind that cluster-wide objects control.

    Args:
        client: of the API server; reads from informers.
        kind: what is stamped.
        informer: of that kind, with the index `OWNER_INDEX` over `by_controller`.
    """

    def __init__(self, client: CachedClient, kind: type[T], informer: Informer[T]) -> None:
        self._client = client
        self._kind = kind
        self._informer = informer
        # Labels and annotations that are known to be somebody else's, by uid.
        self._foreign: dict[str, frozenset[str]] = {}

    def owned(self, owner: KubeObject) -> list[T]:
        """Every object that this very owner controls, wherever it is."""
        return self._informer.list(index=(OWNER_INDEX, owner.metadata.uid))

    async def ensure(self, owner: KubeObject, namespace: str, blueprint: Blueprint) -> None:
        """Make the object of a namespace what it should be.

        Raises:
            ForeignObjectError: somebody else has an object of that name.
            NamespaceGoneError: the namespace takes nothing new.
            OutOfReachError: the operator was told to keep to other namespaces.
            APIError, TransportError: the request failed.
        """
        if not {"", namespace} & set(self._informer.namespaces):
            raise OutOfReachError(f"namespace {namespace} is not watched: --namespace limits the operator to others")
        current = self._informer.get(blueprint.name, namespace)
        if current is None:
            await self._create(owner, namespace, blueprint)
            return
        if not is_controlled_by(current.metadata, owner):
            raise ForeignObjectError(
                f"{self._kind.resource.kind} {namespace}/{blueprint.name} belongs to somebody else"
            )
        if current.metadata.deleting:
            # Its end is an event; what comes after is created then.
            return
        patch = self._difference(current, blueprint)
        for name in await self._ours_beyond(current, blueprint):
            field_name, _, key = name.partition("\n")
            patch.setdefault("metadata", {}).setdefault(field_name, {})[key] = None
        if patch:
            await self._patch(current, patch)

    async def remove(self, child: T) -> None:
        """Delete an object, if it is still that very one.

        Raises:
            APIError, TransportError: the request failed.
        """
        self._foreign.pop(child.metadata.uid, None)
        try:
            await self._client.delete(child)
        except NotFoundError:
            return
        except ConflictError:
            # Another object of that name took its place; it is not ours.
            return

    async def _create(self, owner: KubeObject, namespace: str, blueprint: Blueprint) -> None:
        metadata = ObjectMeta(
            name=blueprint.name,
            namespace=namespace,
            labels=dict(blueprint.labels),
            annotations=dict(blueprint.annotations),
        )
        wire = {"metadata": metadata.model_dump(mode="json", by_alias=True), "spec": dict(blueprint.wire)}
        try:
            await self._client.create(self._kind.from_wire(wire), owner=owner, field_manager=FIELD_MANAGER)
        except AlreadyExistsError as err:
            # The cache is behind. Ours: the event that tells of it comes; somebody else's: that is the answer.
            current = await self._client.live.find(self._kind, blueprint.name, namespace)
            if current is not None and not is_controlled_by(current.metadata, owner):
                raise ForeignObjectError(f"{self._kind.resource.kind} {namespace}/{blueprint.name} exists") from err
            raise
        except (ForbiddenError, NotFoundError) as err:
            if isinstance(err, NotFoundError) or _namespace_terminates(err):
                raise NamespaceGoneError(f"namespace {namespace} is going away") from err
            raise

    async def _patch(self, current: T, patch: dict[str, Any]) -> None:
        metadata = patch.setdefault("metadata", {})
        metadata["uid"] = current.metadata.uid
        metadata["resourceVersion"] = current.metadata.resource_version
        await self._client.patch(
            self._kind, current.name, current.namespace, MergePatch(patch), field_manager=FIELD_MANAGER
        )

    @staticmethod
    def _difference(current: T, blueprint: Blueprint) -> dict[str, Any]:
        patch: dict[str, Any] = {}
        metadata = {
            "labels": _missing(current.metadata.labels, blueprint.labels),
            "annotations": _missing(current.metadata.annotations, blueprint.annotations),
        }
        metadata = {key: value for key, value in metadata.items() if value}
        if metadata:
            patch["metadata"] = metadata
        if getattr(current, "spec", None) != blueprint.spec:
            spec = merge_diff(current.to_wire().get("spec") or {}, blueprint.wire)
            if spec:
                patch["spec"] = spec
        return patch

    async def _ours_beyond(self, current: T, blueprint: Blueprint) -> set[str]:
        """Labels and annotations that the blueprint no longer names and that were written for it before.

        Those of others stay: whoever put them there would only put them there again. The API server knows whose they are.
        """
        meta = current.metadata
        beyond = {f"labels\n{key}" for key in meta.labels.keys() - blueprint.labels.keys()}
        beyond |= {f"annotations\n{key}" for key in meta.annotations.keys() - blueprint.annotations.keys()}
        unknown = beyond - self._foreign.get(meta.uid, frozenset())
        if not unknown:
            return set()
        wire = await self._client.live.get_wire(self._kind, current.name, current.namespace)
        owned = owned_fields(wire["metadata"].get("managedFields"), (FIELD_MANAGER,))
        ours = {f"labels\n{key}" for key in owned.labels} | {f"annotations\n{key}" for key in owned.annotations}
        self._foreign[meta.uid] = frozenset(beyond - ours)
        return beyond & ours


def _missing(current: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in wanted.items() if current.get(key) != value}


def _namespace_terminates(err: APIError) -> bool:
    return any(cause.get("reason") == "NamespaceTerminating" for cause in err.causes)


async def each_namespace(names: Sequence[str], run: Callable[[str], Awaitable[None]]) -> Failed:
    """Run for each namespace, several at once; one that fails does not keep the others from their turn."""
    failed: Failed = {}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> None:
        async with slots:
            try:
                await run(name)
            except (EsoError, APIError, TransportError, TimeoutError) as err:
                failed[name] = err

    async with asyncio.TaskGroup() as tasks:
        for position, name in enumerate(names):
            tasks.create_task(one(name))
            if position % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
    return dict(sorted(failed.items()))


@dataclass(frozen=True, slots=True)
class Stamped:
    """What became of the objects of one owner.

    Attributes:
        provisioned: namespaces that hold the object, sorted.
        not_removed: namespaces where an object that does not belong there any more could not be deleted, and why.
        not_written: namespaces where the object could not be created or updated, and why.
        renamed: whether no object of another name is left.
    """

    provisioned: list[str]
    not_removed: Failed
    not_written: Failed
    renamed: bool

    @property
    def failed(self) -> Failed:
        """Both, sorted by namespace."""
        return dict(sorted({**self.not_removed, **self.not_written}.items()))


async def stamp(
    stamper: Stamper[T], owner: KubeObject, namespaces: Sequence[Namespace], blueprint: Blueprint
) -> Stamped:
    """Remove objects that the owner does not want any more, then make those that it wants what they should be.

    Where an old object could not be removed no new one is made: both would write the same Secret.

    Args:
        stamper: of the kind.
        owner: the cluster-wide object.
        namespaces: that it means, also those that are going away, which are left to the namespace controller.
        blueprint: what each object looks like.
    """
    wanted = {namespace.name: namespace for namespace in namespaces}
    stale: dict[str, list[T]] = {}
    for child in stamper.owned(owner):
        if child.name != blueprint.name or child.namespace not in wanted:
            stale.setdefault(child.namespace, []).append(child)

    async def remove(namespace: str) -> None:
        for child in stale[namespace]:
            if not child.metadata.deleting:
                await stamper.remove(child)

    not_removed = await each_namespace(sorted(stale), remove)
    left = {child.namespace for children in stale.values() for child in children if child.name != blueprint.name}
    names = [name for name in wanted if name not in not_removed and not is_terminating(wanted[name])]
    not_written = await each_namespace(names, lambda name: stamper.ensure(owner, name, blueprint))
    gone = {name for name, err in not_written.items() if isinstance(err, NamespaceGoneError)}
    not_written = {name: err for name, err in not_written.items() if name not in gone}
    provisioned = [name for name in sorted(names) if name not in not_written and name not in gone]
    return Stamped(provisioned, not_removed, not_written, renamed=not (left & not_removed.keys()))
