"""Objects whose store gave no answer, or whose generator could not work, are tried again as soon as that is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eso.controllers.pacing import Retries
from eso.stores.circuits import Circuits
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache import InformerEvent
from reconcile.controller import Controller
from reconcile.workqueue import Priority

__all__ = ["GeneratorChanges", "revive", "revive_users_of"]


def revive(
    circuits: Circuits, users: Callable[[str, str, str], Iterable[Request]], retries: Retries, controller: Controller
) -> None:
    """Queue the failing users of each store whose circuit closes, as retries; the store's broker paces their calls.

    Args:
        circuits: who knows.
        users: the objects that use the store of this kind, namespace (empty for a ClusterSecretStore) and name.
        retries: says which of them fail.
        controller: of the objects.
    """

    def changed(store: tuple[str, str, str]) -> None:
        if circuits.is_open(store):
            return
        for request in users(*store):
            if retries.failing(request):
                controller.enqueue(request, priority=Priority.RETRY, reason="its store answers again")

    circuits.listen(changed)


class GeneratorChanges:
    """Tells of generators that are made or edited, of every kind that is in use."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[str, str, str], None]] = []

    def listen(self, listener: Callable[[str, str, str], None]) -> None:
        """Be told kind, namespace (empty for a ClusterGenerator) and name of each."""
        self._listeners.append(listener)

    def told(self, event: InformerEvent[KubeObject]) -> None:
        """A handler for informers of generators."""
        old, new = event.old, event.new
        if new is None or event.initial or event.type == "sync":
            return
        if old is None or old.metadata.generation != new.metadata.generation:
            for listener in self._listeners:
                listener(new.resource.kind, new.namespace, new.name)


def revive_users_of(
    generators: GeneratorChanges,
    uses: Callable[[Request, str, str], bool],
    retries: Retries,
    controller: Controller,
) -> None:
    """Queue the failing users of each generator that is made or edited; those that work keep their values.

    Args:
        generators: tells which.
        uses: whether an object refers to the generator of this kind and name.
        retries: says which objects fail.
        controller: of the objects.
    """

    def changed(kind: str, namespace: str, name: str) -> None:
        for request in retries.requests():
            if namespace in ("", request.namespace) and uses(request, kind, name):
                controller.enqueue(request, priority=Priority.RETRY, reason=f"{kind} {name} changed")

    generators.listen(changed)
