"""Finalizers that External Secrets Operator has put on namespaces: this operator needs none, and removes those it finds.

A namespace that is going away takes no new objects, so nothing has to hold it back; left behind, such a finalizer would
keep it from ever going.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconcile.api.core_v1 import Namespace
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.client.client import Client
from reconcile.finalizers import remove_finalizer

__all__ = ["FINALIZER_INDEXES", "NamespaceFinalizers", "holders_of"]

PREFIX: Final = "externalsecrets.external-secrets.io/ces-"
INDEX: Final = "metadata.finalizers of ClusterExternalSecrets"


def _by_finalizer(namespace: Namespace) -> list[str]:
    return [name for name in namespace.metadata.finalizers if name.startswith(PREFIX)]


FINALIZER_INDEXES: Final = {INDEX: _by_finalizer}
"""Index of Namespaces by the finalizers to remove."""


def holders_of(old: KubeObject | None, new: KubeObject | None) -> Iterable[Request]:
    """Map function: the ClusterExternalSecrets, existing or not, whose finalizer a namespace carries."""
    if new is None:
        return []
    return [Request("", name.removeprefix(PREFIX)) for name in new.metadata.finalizers if name.startswith(PREFIX)]


class NamespaceFinalizers:
    """Removes them.

    Args:
        client: of the API server.
        namespaces: informer with `FINALIZER_INDEXES`.
    """

    def __init__(self, client: Client, namespaces: Informer[Namespace]) -> None:
        self._client = client
        self._namespaces = namespaces

    async def remove(self, name: str) -> None:
        """Remove the finalizers of the ClusterExternalSecret of that name from every namespace.

        Raises:
            APIError, TransportError: a namespace could not be written.
        """
        finalizer = PREFIX + name
        for namespace in self._namespaces.list(index=(INDEX, finalizer)):
            await remove_finalizer(self._client, namespace, finalizer)
