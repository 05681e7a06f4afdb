"""Which PushSecrets hold on to a store: those that will have to delete something from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretStoreRef
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.client.selectors import selector_of

__all__ = ["PUSH_SECRET_INDEXES", "Store", "StoreUsers", "key_of"]

Store = SecretStore | ClusterSecretStore

SYNCED: Final = "status.syncedPushSecrets"
DELETES: Final = "spec.deletionPolicy"


def key_of(store: KubeObject) -> str:
    """How PushSecret statuses name a store: `<kind>/<name>`."""
    return f"{store.resource.kind}/{store.name}"


def _by_synced_store(push: PushSecret) -> list[str]:
    if push.spec.deletion_policy != "Delete":
        return []
    return list(push.status.synced_push_secrets or ())


def _by_deletion_policy(push: PushSecret) -> list[str]:
    return [push.spec.deletion_policy]


PUSH_SECRET_INDEXES: Final[dict[str, Callable[[PushSecret], Iterable[str]]]] = {
    SYNCED: _by_synced_store,
    DELETES: _by_deletion_policy,
}


class StoreUsers:
    """Looks up PushSecrets by store, and stores by PushSecret.

    Args:
        pushes: informer of PushSecrets with `PUSH_SECRET_INDEXES`.
        stores: informer of the stores of one kind.
        kind: that kind.
    """

    def __init__(self, pushes: Informer[PushSecret], stores: Informer[Store], kind: type[Store]) -> None:
        self._pushes = pushes
        self._stores = stores
        self._kind = kind

    def must_stay(self, store: Store) -> bool:
        """Whether a PushSecret with deletionPolicy Delete has values at this store, or is going to."""
        namespace = store.namespace or None
        if self._pushes.list(namespace, index=(SYNCED, key_of(store))):
            return True
        return any(_refers_to(push, store) for push in self._pushes.list(namespace, index=(DELETES, "Delete")))

    def of_push_secret(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """Map function: the stores that the changed PushSecret uses, or used."""
        keys: set[str] = set()
        refs: list[PushSecretStoreRef] = []
        namespace: str | None = None
        for push in (old, new):
            if isinstance(push, PushSecret):
                keys |= set(push.status.synced_push_secrets or ())
                refs += push.spec.secret_store_refs
                namespace = push.namespace if self._kind.resource.namespaced else None
        found = []
        for store in self._stores.list(namespace):
            if key_of(store) in keys or any(_matches(ref, store) for ref in refs):
                found.append(Request(store.namespace, store.name))
        return found


def _refers_to(push: PushSecret, store: Store) -> bool:
    return any(_matches(ref, store) for ref in push.spec.secret_store_refs)


def _matches(ref: PushSecretStoreRef, store: Store) -> bool:
    if ref.kind != store.resource.kind:
        return False
    if ref.name and ref.name == store.name:
        return True
    if ref.label_selector is None:
        return False
    try:
        return selector_of(ref.label_selector).matches(store.metadata.labels)
    except ValueError:
        return False
