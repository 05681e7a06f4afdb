"""AWS behind a proxy, and stores that point to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.identity.aws.connection import ENDPOINTS
from eso.providers.aws.provider import AWSProvider
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.credentials import CredentialReader
from eso.stores.metrics import StoreMetrics
from eso.values import wrap_all
from reconcile.api.core_v1 import ConfigMap, Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.vendors.aws import ACCESS_KEY, SECRET_KEY, Amazon, amazon, moto_server

REGION = "eu-central-1"


class World:
    """The provider, one for all tests as it holds only the SDK's descriptions of services; its environment and its clock."""

    def __init__(self) -> None:
        self.environ: dict[str, str] = {}
        self.ahead = 0.0
        self.provider = AWSProvider(self.environ, lambda: datetime.now(UTC) + timedelta(seconds=self.ahead))


class Cloud:
    """AWS, a cluster, and stores."""

    def __init__(self, aws: Amazon, kube: Client, world: World) -> None:
        self.aws = aws
        self.kube = kube
        self.world = world
        self.environ = world.environ
        world.ahead = 0.0
        world.environ.clear()
        world.environ.update(dict.fromkeys(ENDPOINTS.values(), aws.url))
        self.registry = CollectorRegistry()
        providers = ProviderRegistry({})
        providers.add(world.provider)
        self.manager = ClientManager(
            kube, providers, StoreMetrics(self.registry), reader=CredentialReader(kube, memo=0.0)
        )
        self._uid = 0

    def spec(self, service: str = "SecretsManager", **changes: Any) -> dict[str, Any]:
        auth = {
            "secretRef": {
                "accessKeyIDSecretRef": {"name": "credentials", "key": "id"},
                "secretAccessKeySecretRef": {"name": "credentials", "key": "secret"},
            }
        }
        return {"service": service, "region": REGION, "auth": auth, **changes}

    def store(
        self, spec: dict[str, Any], *, cluster: bool = False, retries: dict[str, Any] | None = None
    ) -> SecretStore | ClusterSecretStore:
        self._uid += 1
        metadata = {"name": "store", "uid": str(self._uid), "namespace": "" if cluster else "app"}
        settings = retries or {"maxRetries": 2, "retryInterval": "10ms"}
        body = {"metadata": metadata, "spec": {"provider": {"aws": spec}, "retrySettings": settings}}
        return (ClusterSecretStore if cluster else SecretStore).from_wire(body)

    def lend(
        self, service: str = "SecretsManager", *, consumer: str = "app", cluster: bool = False, **spec: Any
    ) -> Any:
        """A client of a store of that service."""
        retries = spec.pop("retries", None)
        return self.manager.client_for(
            self.store(self.spec(service, **spec), cluster=cluster, retries=retries), consumer
        )

    async def object(
        self, kind: type[Secret] | type[ConfigMap], name: str, namespace: str = "app", **data: str
    ) -> None:
        metadata = ObjectMeta(name=name, namespace=namespace)
        if kind is Secret:
            await self.kube.create(Secret(metadata=metadata, data={key: text.encode() for key, text in data.items()}))
        else:
            await self.kube.create(ConfigMap(metadata=metadata, data=data))

    async def secret(self, name: str, text: str | None = None, **more: Any) -> None:
        """A secret that somebody else made."""
        value = {} if text is None else {"SecretString": text}
        await self.aws.direct("secretsmanager.CreateSecret", Name=name, **value, **more)

    async def parameter(self, name: str, value: str, **more: Any) -> None:
        """A parameter that somebody else made."""
        await self.aws.direct("AmazonSSM.PutParameter", Name=name, Value=value, Type="String", **more)

    def counted(self, service: str, call: str, status: str = "success") -> float:
        labels = {"provider": f"AWS/{service}", "call": call, "status": status}
        return self.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


def source(**data: str | bytes) -> SourceSecret:
    return SourceSecret(data=wrap_all({key.replace("__", "."): value for key, value in data.items()}), namespace="app")


def entry(remote: str, key: str = "", prop: str = "", **spec: Any) -> PushEntry:
    envelope = {
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
        "kind": "PushSecretMetadata",
        "spec": spec,
    }
    return PushEntry(key, PushRemoteRef(remote, prop), envelope if spec else None)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture
async def cloud(moto: str, world: World) -> AsyncIterator[Cloud]:
    async with amazon(moto) as aws, ApiServer(listen=False) as server:
        kube = Client(server.transport)
        found = Cloud(aws, kube, world)
        for name in ("app", "other"):
            await kube.create(Namespace(metadata=ObjectMeta(name=name)))
        await found.object(Secret, "credentials", id=ACCESS_KEY, secret=SECRET_KEY)
        try:
            yield found
        finally:
            await found.manager.close()
