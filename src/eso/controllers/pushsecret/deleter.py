"""Deletes from providers what this PushSecret has put there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretData
from eso.controllers.pushsecret.ledger import Synced, marked
from eso.controllers.pushsecret.pusher import store_ref, told
from eso.errors import EsoError
from eso.providers.base import PushRemoteRef
from eso.stores.client_manager import ClientManager
from reconcile.cache.informer import Informer

__all__ = ["CLAIM_INDEX", "Deleter", "Deletion"]

CLAIM_INDEX: Final = "status.syncedPushSecrets.destinations"


@dataclass(slots=True)
class Deletion:
    """What became of a deletion.

    Attributes:
        left: what could not be deleted and is still owed.
        errors: why, in the order of stores and destinations.
    """

    left: Synced = field(default_factory=dict)
    errors: list[EsoError] = field(default_factory=list)


def _claims(push: PushSecret) -> Iterable[str]:
    if push.metadata.deleting:
        return []
    found = marked(push)
    return [
        f"{store}\n{where}"
        for store, entries in (push.status.synced_push_secrets or {}).items()
        for where in entries
        if where not in found.get(store, frozenset())
    ]


CLAIMS: Final[dict[str, Callable[[PushSecret], Iterable[str]]]] = {CLAIM_INDEX: _claims}
"""Index of PushSecrets by what they have at providers."""


class Deleter:
    """Deletes entries of the status.

    Args:
        clients: lends provider clients.
        pushes: informer of PushSecrets with the index `CLAIMS`.
    """

    def __init__(self, clients: ClientManager, pushes: Informer[PushSecret]) -> None:
        self._clients = clients
        self._pushes = pushes

    async def delete(self, push: PushSecret, gone: Synced) -> Deletion:
        """Delete entries; every one is tried, whatever becomes of the others.

        What was there before this PushSecret, and what another one keeps at the same place, stays at the provider and is
        not owed any more.
        """
        deletion = Deletion()
        for store in sorted(gone):
            entries = {
                where: entry for where, entry in sorted(gone[store].items()) if self._is_ours(push, store, where)
            }
            if entries:
                await self._delete_from(push, store, entries, deletion)
        return deletion

    def _is_ours(self, push: PushSecret, store: str, where: str) -> bool:
        if where in marked(push).get(store, frozenset()):
            return False
        namespace = push.namespace if store.startswith("SecretStore/") else None
        holders = self._pushes.list(namespace, index=(CLAIM_INDEX, f"{store}\n{where}"))
        return all(holder.metadata.uid == push.metadata.uid for holder in holders)

    async def _delete_from(
        self, push: PushSecret, store: str, entries: dict[str, PushSecretData], deletion: Deletion
    ) -> None:
        try:
            async with self._clients.client(store_ref(store), push.namespace) as client:
                for where, entry in entries.items():
                    ref = entry.match.remote_ref
                    try:
                        await client.delete_secret(PushRemoteRef(ref.remote_key, ref.property or ""))
                    except Exception as err:  # noqa: BLE001 - a provider is somebody else's code: the rest is tried too
                        deletion.errors.append(told("", err))
                        deletion.left.setdefault(store, {})[where] = entry
        except Exception as err:  # noqa: BLE001 - as above
            deletion.errors.append(told(f"could not get secrets client for store {store}", err))
            deletion.left[store] = entries
