"""Which changes concern cluster-wide objects that stamp others into namespaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.predicates import ObjectEvent, Predicate, annotations_changed, generation_changed, labels_changed
from reconcile.watches import controlled_by

__all__ = ["ChildWatch", "child_changed", "edited"]

C = TypeVar("C", bound=KubeObject)


def child_changed(event: ObjectEvent) -> bool:
    """A stamped object came, went or changed in anything but its status: its own syncs are of no interest to its owner.

    Those that are there at start are looked at when their owner is.
    """
    old, new = event.old, event.new
    if event.initial or event.type == "sync":
        return False
    if old is None or new is None:
        return True
    before, after = old.metadata, new.metadata
    return (
        before.generation != after.generation
        or before.labels != after.labels
        or before.annotations != after.annotations
        or before.owner_references != after.owner_references
        or before.deleting != after.deleting
    )


def edited(finalizer: str = "") -> Predicate:
    """A predicate: somebody changed the object, or took the operator's finalizer away; its status does not count."""

    def matches(event: ObjectEvent) -> bool:
        old, new = event.old, event.new
        if old is None or new is None:
            return True
        lost = finalizer in old.metadata.finalizers and finalizer not in new.metadata.finalizers
        return generation_changed(event) or labels_changed(event) or annotations_changed(event) or lost

    return matches


class ChildWatch(Generic[C]):
    """Map function from a stamped object to the cluster-wide objects it concerns.

    Args:
        informer: of the cluster-wide kind.
        child_name: name of the objects that one of them stamps.
        failed: namespaces where one of them failed.
    """

    def __init__(
        self, informer: Informer[C], child_name: Callable[[C], str], failed: Callable[[C], Iterable[str]]
    ) -> None:
        self._informer = informer
        self._failed = failed
        self._index = f"name of stamped {informer.kind.resource.plural}"
        self._owners = controlled_by(informer.kind)
        informer.add_index(self._index, lambda obj: [child_name(obj)])

    def of_child(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """Its owner, and whoever could not create an object because this one was in the way."""
        found = dict.fromkeys(self._owners(old, new))
        if old is not None and (new is None or new.metadata.owner_references != old.metadata.owner_references):
            for waiting in self._informer.list(index=(self._index, old.name)):
                if old.namespace in self._failed(waiting):
                    found[Request("", waiting.name)] = None
        return list(found)
