"""Tries stores out with the client that their users share, so that a validation is no extra login."""

from __future__ import annotations

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.stores.client_manager import ClientManager, identity_of

__all__ = ["PooledValidator"]


class PooledValidator:
    """`StoreValidator` on the pool of provider clients."""

    def __init__(self, clients: ClientManager) -> None:
        self._clients = clients

    async def connect(self, store: SecretStore | ClusterSecretStore) -> None:
        """Check the spec, and make a client unless one lives.

        Raises:
            EsoError: the spec cannot work, or no client can be made.
        """
        await self._clients.registry.load(store.spec.provider, store.name)
        provider, spec = self._clients.registry.resolve(store.spec.provider, store.name)
        provider.validate_store(spec, store_kind=store.resource.kind, store_namespace=store.namespace)
        if self._clients.is_referent(store):
            return
        async with self._clients.client_for(store, store.namespace):
            return

    async def validate(self, store: SecretStore | ClusterSecretStore) -> None:
        """Probe the store; one whose credentials come from its users cannot be probed and counts as valid.

        Raises:
            EsoError: it does not work.
        """
        if self._clients.is_referent(store):
            return
        async with self._clients.client_for(store, store.namespace) as client:
            await client.validate()

    def is_held_back(self, store: SecretStore | ClusterSecretStore) -> bool:
        """Whether the circuit of one of the store's clients is open."""
        return self._clients.open_circuits.is_open(identity_of(store).label)

    async def forget(self, kind: str, namespace: str, name: str) -> None:
        """The store is gone: let go of its clients."""
        await self._clients.forget(kind, namespace, name)
