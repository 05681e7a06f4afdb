"""A key vault, a cluster with credentials, and stores that point to the vault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.keyvault.secrets._shared import http_challenge_cache
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.providers.azurekv.provider import AzureKVProvider
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.credentials import CredentialReader
from eso.stores.metrics import StoreMetrics
from reconcile.api.core_v1 import Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.vendors.azurekv import CLIENT, SECRET, TENANT, Azure, azure

PRINCIPAL = {
    "clientId": {"name": "credentials", "key": "id"},
    "clientSecret": {"name": "credentials", "key": "secret"},
}


class Cloud:
    """Azure, a cluster, and stores."""

    def __init__(self, vendor: Azure, kube: Client) -> None:
        self.azure = vendor
        self.kube = kube
        self.environ: dict[str, str] = {}
        self.provider = AzureKVProvider(vendor.url, vendor.url, self.environ, vendor.ca, backoff=0.001, timeout=1.0)
        self.registry_of(self.provider)
        self._uid = 0

    def registry_of(self, provider: AzureKVProvider) -> None:
        """Use another provider from now on."""
        providers = ProviderRegistry({})
        providers.add(provider)
        self.metrics = CollectorRegistry()
        self.manager = ClientManager(
            self.kube, providers, StoreMetrics(self.metrics), reader=CredentialReader(self.kube, memo=0.0)
        )

    def store(self, *, cluster: bool = False, **changes: Any) -> SecretStore | ClusterSecretStore:
        """A store; `changes` replace fields of its spec."""
        spec = {"vaultUrl": self.azure.url, "tenantId": TENANT, "authSecretRef": PRINCIPAL, **changes}
        spec = {key: value for key, value in spec.items() if value is not None}
        self._uid += 1
        metadata = {"name": "store", "uid": str(self._uid), "namespace": "" if cluster else "app"}
        body = {"metadata": metadata, "spec": {"provider": {"azurekv": spec}}}
        return (ClusterSecretStore if cluster else SecretStore).from_wire(body)

    def lend(self, *, cluster: bool = False, consumer: str = "app", **changes: Any) -> Any:
        """A client of a store of its own."""
        return self.manager.client_for(self.store(cluster=cluster, **changes), consumer)

    async def account(self, **annotations: str) -> None:
        """A ServiceAccount `robot`."""
        named = {f"azure.workload.identity/{name.replace('_', '-')}": value for name, value in annotations.items()}
        await self.kube.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="app", annotations=named)))

    def counted(self, call: str, status: str = "success") -> float:
        labels = {"provider": "Azure/KeyVault", "call": call, "status": status}
        return self.metrics.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    # The SDK remembers challenges by host and port for the whole process, and ports come again.
    http_challenge_cache.clear()
    async with azure() as vendor, ApiServer(listen=False) as server:
        kube = Client(server.transport)
        found = Cloud(vendor, kube)
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"id": CLIENT.encode(), "secret": SECRET.encode(), "wrong": b"canary-wrong", "tenant": TENANT.encode()}
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data=data))
        try:
            yield found
        finally:
            await found.manager.close()
