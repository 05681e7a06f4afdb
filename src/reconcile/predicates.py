"""Which events matter: plain functions from an event to yes or no, and ways to combine them.

A predicate only decides about updates where nothing else is said: creation and deletion always matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from reconcile.api.model import KubeObject

__all__ = [
    "ObjectEvent",
    "Predicate",
    "all_of",
    "annotations_changed",
    "any_of",
    "deletion_started",
    "finalizers_changed",
    "generation_changed",
    "labels_changed",
    "negate",
    "resource_version_changed",
]


class ObjectEvent(Protocol):
    """What a predicate sees of a change: `old` is None when the object is new, `new` is None when it is gone."""

    @property
    def type(self) -> str:
        """`added`, `updated`, `deleted`, or `sync`: the object was there when the handler was added."""
        ...

    @property
    def initial(self) -> bool:
        """Whether the first list brought the object: it may be as old as the cluster."""
        ...

    @property
    def old(self) -> KubeObject | None:
        """The object before."""
        ...

    @property
    def new(self) -> KubeObject | None:
        """The object now."""
        ...


Predicate = Callable[[ObjectEvent], bool]


def generation_changed(event: ObjectEvent) -> bool:
    """The spec changed, or deletion was asked for. Kinds without a generation (Secret, ConfigMap) match every update."""
    old, new = event.old, event.new
    if old is None or new is None:
        return True
    return new.metadata.generation == 0 or new.metadata.generation != old.metadata.generation or deletion_started(event)


def labels_changed(event: ObjectEvent) -> bool:
    """A label was set, changed or removed."""
    old, new = event.old, event.new
    return old is None or new is None or old.metadata.labels != new.metadata.labels


def annotations_changed(event: ObjectEvent) -> bool:
    """An annotation was set, changed or removed."""
    old, new = event.old, event.new
    return old is None or new is None or old.metadata.annotations != new.metadata.annotations


def finalizers_changed(event: ObjectEvent) -> bool:
    """A finalizer was added or removed."""
    old, new = event.old, event.new
    return old is None or new is None or old.metadata.finalizers != new.metadata.finalizers


def deletion_started(event: ObjectEvent) -> bool:
    """The object carries a deletion timestamp since this change."""
    old, new = event.old, event.new
    return old is None or new is None or old.metadata.deleting != new.metadata.deleting


def resource_version_changed(event: ObjectEvent) -> bool:
    """Anything at all changed; a resync of an unchanged object does not match."""
    old, new = event.old, event.new
    return old is None or new is None or old.metadata.resource_version != new.metadata.resource_version


def any_of(*predicates: Predicate) -> Predicate:
    """Matches when one of them does."""

    def matches(event: ObjectEvent) -> bool:
        return any(predicate(event) for predicate in predicates)

    return matches


def all_of(*predicates: Predicate) -> Predicate:
    """Matches when all of them do; without any, always."""

    def matches(event: ObjectEvent) -> bool:
        return all(predicate(event) for predicate in predicates)

    return matches


def negate(predicate: Predicate) -> Predicate:
    """Matches when the other does not."""

    def matches(event: ObjectEvent) -> bool:
        return not predicate(event)

    return matches
