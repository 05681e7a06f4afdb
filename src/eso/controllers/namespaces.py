"""Which namespaces a cluster-wide object means, and which of them are going away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from eso.errors import InvalidSpecError
from reconcile.api.core_v1 import Namespace
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.client.selectors import Selector, selector_of
from reconcile.predicates import ObjectEvent, labels_changed

__all__ = ["NamespaceWatch", "Selection", "changes_membership", "is_terminating"]

C = TypeVar("C", bound=KubeObject)

_TERMINATING: Final = "Terminating"


def is_terminating(namespace: Namespace) -> bool:
    """Whether the namespace takes nothing new any more."""
    return namespace.metadata.deleting or (namespace.status is not None and namespace.status.phase == _TERMINATING)


class Selection:
    """Selectors and names, any of which may match.

    Args:
        selectors: an empty one matches everything; without selectors and names nothing matches.
        names: of namespaces.

    Raises:
        InvalidSpecError: a selector is malformed.
    """

    def __init__(self, selectors: Iterable[LabelSelector], names: Iterable[str] = ()) -> None:
        self._names = frozenset(names)
        self._selectors: list[Selector] = []
        for selector in selectors:
            try:
                self._selectors.append(selector_of(selector))
            except ValueError as err:
                raise InvalidSpecError(f"failed to convert label selector: {err}") from err

    def matches(self, namespace: Namespace) -> bool:
        """Whether the namespace is meant."""
        if namespace.name in self._names:
            return True
        return any(selector.matches(namespace.metadata.labels) for selector in self._selectors)

    def of(self, namespaces: Iterable[Namespace]) -> list[Namespace]:
        """Those that are meant, ordered by name."""
        return sorted((one for one in namespaces if self.matches(one)), key=lambda one: one.name)


def changes_membership(event: ObjectEvent) -> bool:
    """A namespace came, went, was relabelled or began to go; those that are there at start are looked at anyway."""
    if event.initial or event.type == "sync":
        return False
    old, new = event.old, event.new
    if old is None or new is None or labels_changed(event):
        return True
    return isinstance(old, Namespace) and isinstance(new, Namespace) and is_terminating(old) != is_terminating(new)


class NamespaceWatch(Generic[C]):
    """Map function from a changed namespace to the cluster-wide objects that mean it, or meant it.

    Args:
        informer: of those objects.
        select: the selection of one of them; raises InvalidSpecError.
    """

    def __init__(self, informer: Informer[C], select: Callable[[C], Selection]) -> None:
        self._informer = informer
        self._select = select
        # Compiled selections by uid, so that an event does not parse every selector of the cluster.
        self._compiled: dict[str, tuple[int, Selection | None]] = {}

    def of_namespace(self, old: KubeObject | None, new: KubeObject | None) -> Sequence[Request]:
        """The objects whose selection matches the namespace as it was or as it is."""
        found = []
        objects = self._informer.list()
        for obj in objects:
            selection = self._selection(obj)
            if selection is not None and any(
                isinstance(one, Namespace) and selection.matches(one) for one in (old, new)
            ):
                found.append(Request("", obj.name))
        if len(self._compiled) > 2 * len(objects) + 16:
            live = {obj.metadata.uid for obj in objects}
            self._compiled = {uid: kept for uid, kept in self._compiled.items() if uid in live}
        return found

    def _selection(self, obj: C) -> Selection | None:
        uid, generation = obj.metadata.uid, obj.metadata.generation
        known = self._compiled.get(uid)
        if known is not None and known[0] == generation:
            return known[1]
        try:
            selection = self._select(obj)
        except InvalidSpecError:
            # The object's own condition tells.
            selection = None
        self._compiled[uid] = (generation, selection)
        return selection
