"""A cluster with credentials and stores of one provider, for tests of providers."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.providers.base import Provider, PushEntry, PushRemoteRef, RemoteRef, SourceSecret
from eso.providers.registry import ProviderRegistry
from eso.stores.broker import BrokerSettings
from eso.stores.client_manager import ClientManager
from eso.stores.credentials import CredentialReader
from eso.stores.leased import LeasedClient
from eso.stores.metrics import StoreMetrics
from eso.values import reveal_all, wrap_all
from reconcile.api.core_v1 import Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer

__all__ = ["ProviderBench", "bench", "entry", "mapped", "source", "told", "value"]

_NUMBERS = itertools.count(1)


class ProviderBench:
    """Stores whose provider is `provider`, in a cluster with the namespaces `app` and `other`.

    Args:
        provider: the provider.
        kube: of the cluster.
        option: process-wide flags.
        broker: how brokers behave; None as in the operator.
    """

    def __init__(
        self, provider: Provider[Any], kube: Client, option: Mapping[str, Any], broker: BrokerSettings | None = None
    ) -> None:
        self.provider = provider
        self.kube = kube
        self.registry = CollectorRegistry()
        providers = ProviderRegistry({})
        providers.add(provider)
        self.manager = ClientManager(
            kube,
            providers,
            StoreMetrics(self.registry),
            reader=CredentialReader(kube, memo=0.0),
            option=option,
            broker=broker,
        )

    def lend(
        self,
        spec: Mapping[str, Any],
        *,
        cluster: bool = False,
        consumer: str = "app",
        uid: str = "",
        retry: Mapping[str, Any] | None = None,
    ) -> Any:
        """A client of a store with that configuration (fields that are None are left out); equal `uid`: the same store.

        `retry` is the `retrySettings` of the store.
        """
        given = {key: value for key, value in spec.items() if value is not None}
        metadata = {"name": "store", "uid": uid or str(next(_NUMBERS)), "namespace": "" if cluster else "app"}
        body = {"metadata": metadata, "spec": {"provider": {self.provider.name: given}, "retrySettings": retry}}
        store = (ClusterSecretStore if cluster else SecretStore).from_wire(body)
        return self.manager.client_for(store, consumer)

    def check(self, spec: Mapping[str, Any], *, cluster: bool = False) -> list[str]:
        """The static check of a store."""
        given = {key: value for key, value in spec.items() if value is not None}
        model = self.provider.spec_type.model_validate(given)
        kind, namespace = ("ClusterSecretStore", "") if cluster else ("SecretStore", "app")
        return list(self.provider.validate_store(model, store_kind=kind, store_namespace=namespace))

    async def secret(
        self, name: str, namespace: str = "app", labels: Mapping[str, str] | None = None, **data: str
    ) -> None:
        """A Secret; `__` in a key stands for a dash."""
        values = {key.replace("__", "-"): text.encode() for key, text in data.items()}
        metadata = ObjectMeta(name=name, namespace=namespace, labels=dict(labels or {}))
        await self.kube.create(Secret(metadata=metadata, data=values))

    def counted(self, provider: str, call: str, status: str = "success") -> float:
        """Calls that were counted."""
        labels = {"provider": provider, "call": call, "status": status}
        return self.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


@asynccontextmanager
async def bench(
    provider: Provider[Any], option: Mapping[str, Any] | None = None, broker: BrokerSettings | None = None
) -> AsyncIterator[ProviderBench]:
    """A cluster without sockets, with a ServiceAccount `robot` in each namespace."""
    async with ApiServer(listen=False) as server:
        kube = Client(server.transport)
        found = ProviderBench(provider, kube, option or {}, broker)
        for name in ("app", "other"):
            await kube.create(Namespace(metadata=ObjectMeta(name=name)))
            await kube.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace=name)))
        try:
            yield found
        finally:
            await found.manager.close()


async def value(client: LeasedClient, key: str, property: str = "", **more: Any) -> str:
    """One secret as text."""
    return (await client.get_secret(RemoteRef(key, property, **more))).reveal_text()


async def mapped(client: LeasedClient, key: str, property: str = "", **more: Any) -> dict[str, str]:
    """A secret as keys and texts."""
    found = reveal_all(await client.get_secret_map(RemoteRef(key, property, **more)))
    return {name: content.decode() for name, content in found.items()}


def source(**data: str | bytes) -> SourceSecret:
    """A Secret to push."""
    return SourceSecret(data=wrap_all(data), namespace="app")


def entry(remote: str, key: str = "", property: str = "", metadata: Any = None) -> PushEntry:
    """One entry of a PushSecret."""
    return PushEntry(key, PushRemoteRef(remote, property), metadata)


def told(err: BaseException) -> str:
    """Everything that an error says about itself, with its causes."""
    said: list[str] = []
    at: BaseException | None = err
    while at is not None:
        said += [str(at), repr(at), str(vars(at))]
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\n".join(said)
