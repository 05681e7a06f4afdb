"""Objects whose store gave no answer are tried again as soon as it gives one, not when their own backoff ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eso.controllers.pacing import Retries
from eso.stores.circuits import Circuits
from reconcile.api.request import Request
from reconcile.controller import Controller
from reconcile.workqueue import Priority

__all__ = ["revive"]


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
