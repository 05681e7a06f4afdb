"""Which stores sign in with a Secret: those are checked anew when it changes, not minutes later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from eso.controllers.secretstore.usage import Store
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.predicates import ObjectEvent

__all__ = ["CREDENTIALS", "CredentialUsers", "credential_keys", "is_news"]

CREDENTIALS: Final = "credentials"
"""Name of the index of stores by `credential_keys`."""


def credential_keys(store: Store) -> set[str]:
    """`<namespace>/<name>` of every Secret that the configuration of a store's provider names.

    Every selector counts that has a name and a key, whatever the provider. A selector of a cluster store without a namespace
    means the namespace of whoever uses the store: it says nothing about the store itself.
    """
    found = set()
    for selector in _selectors(store.spec.provider):
        namespace = store.namespace or selector.get("namespace")
        if namespace:
            found.add(f"{namespace}/{selector['name']}")
    return found


def _selectors(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("name"), str) and "key" in node:
            yield node
        for child in node.values():
            yield from _selectors(child)
    elif isinstance(node, list):
        for child in node:
            yield from _selectors(child)


def is_news(event: ObjectEvent) -> bool:
    """Not the list of what there was when the operator started: every store is checked then anyway."""
    return event.type != "sync"


class CredentialUsers:
    """Map function from a Secret to the stores that sign in with it.

    Args:
        stores: informer of the stores of one kind, with the index `CREDENTIALS`.
    """

    def __init__(self, stores: Informer[Store]) -> None:
        self._stores = stores

    def of_secret(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """The stores whose credentials have changed."""
        secret = new if new is not None else old
        if secret is None:
            return []
        users = self._stores.list(index=(CREDENTIALS, f"{secret.namespace}/{secret.name}"))
        return [Request(store.namespace, store.name) for store in users]
