"""Which stores a PushSecret writes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretStoreRef
from eso.controllers.pushsecret.ledger import key_of
from eso.errors import EsoError, InvalidSpecError, UnavailableError
from eso.stores.selection import AnyStore, StoreSelection
from reconcile.client.client import Client
from reconcile.client.selectors import selector_of
from reconcile.errors import APIError, TransportError

__all__ = ["Found", "StoreFinder"]


@dataclass(slots=True)
class Found:
    """The stores to write to.

    Attributes:
        stores: ordered by kind and name.
        errors: references that could not be followed.
    """

    stores: list[AnyStore] = field(default_factory=list)
    errors: list[EsoError] = field(default_factory=list)


class StoreFinder:
    """Follows `secretStoreRefs`.

    Args:
        client: of the API server; stores are best read from informers.
        selection: loads stores and knows which are ours.
    """

    def __init__(self, client: Client, selection: StoreSelection) -> None:
        self._client = client
        self._selection = selection

    async def find(self, push: PushSecret) -> Found:
        """The stores of this controller class that are not being deleted."""
        stores: dict[str, AnyStore] = {}
        found = Found()
        for ref in push.spec.secret_store_refs:
            try:
                stores |= {key_of(store): store for store in await self._follow(ref, push.namespace)}
            except EsoError as err:
                found.errors.append(err)
        found.stores = [
            store
            for _, store in sorted(stores.items())
            if not store.metadata.deleting and self._selection.manages(store)
        ]
        return found

    async def _follow(self, ref: PushSecretStoreRef, namespace: str) -> list[AnyStore]:
        if ref.label_selector is not None:
            return await self._labelled(ref, namespace)
        if not ref.name:
            raise InvalidSpecError("refStore Name must be provided")
        return [await self._selection.load(SecretStoreRef(name=ref.name, kind=ref.kind), namespace)]

    async def _labelled(self, ref: PushSecretStoreRef, namespace: str) -> list[AnyStore]:
        try:
            labels = str(selector_of(ref.label_selector))
        except ValueError as err:
            raise InvalidSpecError(f"could not convert labels: {err}") from err
        try:
            if ref.kind == "ClusterSecretStore":
                return list(await self._client.list(ClusterSecretStore, label_selector=labels))
            return list(await self._client.list(SecretStore, namespace, label_selector=labels))
        except (APIError, TransportError) as err:
            what = "cluster Secret Stores" if ref.kind == "ClusterSecretStore" else "Secret Stores"
            raise UnavailableError(f"could not list {what}: {err}") from err
