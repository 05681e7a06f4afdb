"""The door of this layer: provider clients for controllers, contexts for generators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import StoreGeneratorSourceRef, StoreSourceRef
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.errors import EsoError, InvalidRequestError, InvalidSpecError, NoSecretError
from eso.providers.base import Provider, SecretsClient, StoreContext
from eso.providers.registry import ProviderRegistry
from eso.stores.broker import Broker, BrokerSettings
from eso.stores.circuits import Circuits
from eso.stores.context import GeneratorCallContext, StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader
from eso.stores.leased import LeasedClient, UnboundClient
from eso.stores.metrics import StoreMetrics
from eso.stores.pool import IDLE, ClientPool, ClientRequest
from eso.stores.selection import AnyStore, StoreSelection
from eso.stores.sessions import TlsContexts
from reconcile.client.client import Client

__all__ = ["ClientManager", "identity_of"]

_SWEEP: Final = 30.0
"""Seconds between looks for clients that nobody uses."""


class ClientManager:
    """Lends provider clients and keeps them alive between uses.

    Args:
        client: of the API server.
        registry: the providers.
        metrics: where calls, reads and clients are counted.
        controller_class: stores of another class are refused.
        option: flags that providers may read, by name without dashes in front.
        reader: of credentials; None makes one.
        broker: how brokers behave; a provider's own rate limit takes the place of an absent one.
        idle: seconds an unused client is kept.
    """

    def __init__(
        self,
        client: Client,
        registry: ProviderRegistry,
        metrics: StoreMetrics,
        *,
        controller_class: str = "default",
        option: Mapping[str, Any] | None = None,
        reader: CredentialReader | None = None,
        broker: BrokerSettings | None = None,
        idle: float = IDLE,
    ) -> None:
        self._client = client
        self._metrics = metrics
        self.open_circuits = Circuits(metrics)
        self._option = dict(option or {})
        self._tls = TlsContexts()
        self._broker = broker or BrokerSettings()
        self.registry = registry
        self.reader = reader or CredentialReader(client)
        self.selection = StoreSelection(client, controller_class=controller_class)
        self._pool = ClientPool(self.reader, metrics, idle=idle)

    @asynccontextmanager
    async def client(
        self,
        store_ref: SecretStoreRef | None,
        namespace: str,
        source_ref: StoreSourceRef | StoreGeneratorSourceRef | None = None,
        *,
        max_age: float = 0.0,
        flood_gate: bool = False,
    ) -> AsyncIterator[LeasedClient]:
        """A client of the store that an object refers to.

        Args:
            store_ref: of the object.
            namespace: of the object.
            source_ref: of one entry; its `storeRef` comes before `store_ref`.
            max_age: seconds an answer may be old that others have read before; 0 accepts only calls that begin from now on.
                See `eso.stores.policy.default_max_age`.
            flood_gate: refuse a store that is not Ready.

        Raises:
            EsoError: the store cannot be used, or its client cannot be made; see `StoreSelection.select`.
        """
        asked = asyncio.get_running_loop().time()
        ref = source_ref.store_ref if source_ref is not None and source_ref.store_ref is not None else store_ref
        if ref is None:
            raise InvalidSpecError(
                "no store is referenced: set spec.secretStoreRef, or sourceRef.storeRef of the entry"
            )
        store = await self.selection.select(ref, namespace, flood_gate=flood_gate)
        async with self._lent(store, namespace, asked, max_age) as leased:
            yield leased

    def client_for(
        self, store: AnyStore, namespace: str, *, max_age: float = 0.0
    ) -> AbstractAsyncContextManager[LeasedClient]:
        """A client of a store at hand, without looking at class, conditions and readiness; for the store controllers.

        Args:
            store: the store.
            namespace: of the object that uses it; of a SecretStore its own; empty to validate a cluster store. A cluster store
                whose credentials come from its consumers then gives a client that knows nothing: its validation is UNKNOWN.
            max_age: as in `client`.

        Raises:
            EsoError: its client cannot be made.
        """
        return self._lent(store, namespace, asyncio.get_running_loop().time(), max_age)

    async def batches(self, ref: SecretStoreRef, namespace: str) -> bool:
        """Whether the store of a reference reads many keys in one call; no for one that cannot be found."""
        try:
            store = await self.selection.load(ref, namespace)
        except EsoError:
            return False
        return any(self.registry.batches(key) for key in store.spec.provider)

    def is_referent(self, store: AnyStore) -> bool:
        """Whether a cluster store's credentials come from its consumer's namespace, so that it cannot be probed alone.

        Raises:
            InvalidSpecError, ProviderNotAvailableError: its provider cannot be found, or does not accept its configuration.
        """
        provider, spec = self.registry.resolve(store.spec.provider, store.name)
        return isinstance(store, ClusterSecretStore) and provider.is_referent(spec)

    def circuits(self, store: AnyStore) -> list[str]:
        """State of the circuit breaker of each living client of a store: `closed`, `open` or `half-open`."""
        return self._pool.circuits(identity_of(store).label)

    @asynccontextmanager
    async def generator_context(self, namespace: str) -> AsyncIterator[GeneratorCallContext]:
        """What a generator that runs for an object of the namespace is given; its sessions end with it."""
        context = GeneratorCallContext(
            namespace,
            reader=self.reader,
            kube=self._client,
            metrics=self._metrics.calls,
            option=self._option,
            tls=self._tls,
        )
        try:
            yield context
        finally:
            await context.sessions.close()

    async def forget(self, kind: str, namespace: str, name: str) -> None:
        """Close the clients of a store that was deleted, and remove its metrics."""
        label = (kind, namespace, name)
        await self._pool.forget(label)
        self._metrics.forget(label)

    async def run(self) -> None:
        """Close idle clients until cancelled, then close all."""
        try:
            while True:
                await asyncio.sleep(_SWEEP)
                await self._pool.sweep()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close every client."""
        await self._pool.close()
        await self.reader.close()

    @asynccontextmanager
    async def _lent(self, store: AnyStore, namespace: str, asked: float, max_age: float) -> AsyncIterator[LeasedClient]:
        await self.registry.load(store.spec.provider, store.name)
        provider, spec = self.registry.resolve(store.spec.provider, store.name)
        identity = identity_of(store)
        namespace = identity.namespace or namespace

        def context(broker: Broker) -> StoreClientContext:
            return StoreClientContext(
                identity,
                namespace,
                reader=self.reader,
                kube=self._client,
                calls=broker.calls,
                retry_settings=store.spec.retry_settings,
                option=self._option,
                tls=self._tls,
            )

        referent = isinstance(store, ClusterSecretStore) and provider.is_referent(spec)
        if referent and not namespace:
            yield LeasedClient(UnboundClient(), store, provider, asked=asked, max_age=max_age)
            return
        request = ClientRequest(
            identity,
            namespace,
            referent=referent,
            context=context,
            broker=lambda: Broker(
                str(identity),
                identity.label,
                self._metrics,
                self._settings(provider.rate_limit_of(spec)),
                self.open_circuits,
            ),
            make=lambda made: _signed_in(provider, spec, made),
        )
        async with self._pool.lend(request) as pooled:
            yield LeasedClient(pooled.client, store, provider, asked=asked, max_age=max_age)

    def _settings(self, limit: tuple[float, int] | None) -> BrokerSettings:
        if self._broker.rate is not None or limit is None:
            return self._broker
        return replace(self._broker, rate=limit[0], burst=limit[1])


async def _signed_in(provider: Provider[Any], spec: Any, context: StoreContext) -> SecretsClient:
    try:
        return await provider.new_client(spec, context)
    except NoSecretError as err:
        # A 404 of a sign-in or of a project; to whoever asks for a secret it would say that the secret is gone.
        raise InvalidRequestError(str(err)) from err


def identity_of(store: AnyStore) -> StoreIdentity:
    """The identity of a store object."""
    metadata = store.metadata
    namespace = metadata.namespace if store.resource.namespaced else ""
    return StoreIdentity(store.resource.kind, namespace, metadata.name, metadata.uid, metadata.generation)
