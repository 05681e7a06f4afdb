"""A real Vault, a server that pretends to be one, and stores that point to them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.providers.openbao.provider import OpenBaoProvider
from eso.providers.registry import ProviderRegistry
from eso.providers.vault.provider import VaultProvider
from eso.stores.client_manager import ClientManager
from eso.stores.credentials import CredentialReader
from eso.stores.metrics import StoreMetrics
from eso.values import wrap_all
from reconcile.api.core_v1 import Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.vault import Vault, vault_or_skip
from tests.support.vendors.vault import FakeVault

NUMBERS = itertools.count()
TOKENS = {"admin-token": "admin"}


class Stores:
    """A cluster and stores in it."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.kube = Client(server.config)
        self.environ: dict[str, str] = {}
        self.registry = CollectorRegistry()
        providers = ProviderRegistry({})
        providers.add(VaultProvider(self.environ))
        providers.add(OpenBaoProvider())
        self.manager = ClientManager(
            self.kube, providers, StoreMetrics(self.registry), reader=CredentialReader(self.kube, memo=0.0)
        )

    def store(
        self, spec: dict[str, Any], *, key: str = "vault", cluster: bool = False, retries: dict[str, Any] | None = None
    ) -> SecretStore | ClusterSecretStore:
        metadata = {"name": "store", "uid": str(next(NUMBERS)), "namespace": "" if cluster else "app"}
        settings = retries or {"maxRetries": 0}
        body = {"metadata": metadata, "spec": {"provider": {key: spec}, "retrySettings": settings}}
        return (ClusterSecretStore if cluster else SecretStore).from_wire(body)

    def lend(self, spec: dict[str, Any], *, consumer: str = "app", **more: Any) -> Any:
        """A client of a store with that configuration."""
        return self.manager.client_for(self.store(spec, **more), consumer)

    async def secret(self, name: str, namespace: str = "app", **data: str) -> None:
        metadata = ObjectMeta(name=name, namespace=namespace)
        values = {key.replace("__", "."): text.encode() for key, text in data.items()}
        await self.kube.create(Secret(metadata=metadata, data=values))

    def counted(self, call: str, status: str = "success", provider: str = "HashiCorp/Vault") -> float:
        labels = {"provider": provider, "call": call, "status": status}
        return self.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


@pytest.fixture
async def fake() -> AsyncIterator[FakeVault]:
    async with FakeVault() as server:
        yield server


@pytest.fixture
async def stores(fake: FakeVault) -> AsyncIterator[Stores]:
    """They close first, so that they can revoke their tokens."""
    async with ApiServer(tokens=TOKENS) as server:
        found = Stores(server)
        for name in ("app", "other"):
            await found.kube.create(Namespace(metadata=ObjectMeta(name=name)))
            await found.kube.create(ServiceAccount(metadata=ObjectMeta(name="account", namespace=name)))
        yield found
        await found.manager.close()
        await found.kube.close()


@pytest.fixture(scope="session")
def real_vault() -> Iterator[Vault]:
    yield from vault_or_skip()


class Engine:
    """Mounts of its own for one test, at the real Vault."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        number = next(NUMBERS)
        self.v1, self.v2 = f"one{number}", f"two{number}"
        vault.mount(self.v1, 1)
        vault.mount(self.v2, 2)

    def spec(self, version: str = "v2", **changes: Any) -> dict[str, Any]:
        """A store that signs in with the root token in Secret `token`."""
        base = {
            "server": self.vault.url,
            "version": version,
            "path": self.v2 if version == "v2" else self.v1,
            "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
        }
        return {key: value for key, value in {**base, **changes}.items() if value is not None}

    def put(self, key: str, values: dict[str, Any], **metadata: str) -> None:
        self.vault.call("PUT", f"{self.v2}/data/{key}", {"data": values})
        if metadata:
            self.vault.call("PUT", f"{self.v2}/metadata/{key}", {"custom_metadata": metadata})

    def read(self, key: str) -> Any:
        return self.vault.call("GET", f"{self.v2}/data/{key}")["data"]["data"]

    def metadata(self, key: str) -> Any:
        return self.vault.call("GET", f"{self.v2}/metadata/{key}")["data"]


@pytest.fixture
async def engine(real_vault: Vault, stores: Stores) -> Engine:
    await stores.secret("token", token=real_vault.token)
    return Engine(real_vault)


def source(**data: str | bytes) -> SourceSecret:
    return SourceSecret(data=wrap_all(data), namespace="app")


def entry(remote: str, key: str = "", prop: str = "") -> PushEntry:
    return PushEntry(key, PushRemoteRef(remote, prop))
