"""A control plane with stores, and a provider that tells what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.meta_v1 import SecretKeySelector
from eso.errors import AccessDeniedError, NoSecretError
from eso.providers.base import Provider, RemoteRef, SecretsClient, StoreContext, ValidationResult
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.metrics import StoreMetrics
from eso.values import SecretValue
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import Model
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer

__all__ = ["EchoProvider", "World", "cluster_ref", "store_ref", "world"]


class EchoSpec(Model):
    token: SecretKeySelector | None = None
    late: SecretKeySelector | None = None
    peek: bool = False


class EchoClient(SecretsClient):
    def __init__(self, provider: EchoProvider, spec: EchoSpec, context: StoreContext, token: str) -> None:
        self.provider, self.spec, self.context, self.token = provider, spec, context, token
        self.calls = context.calls("Echo")
        self.closed = False

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if self.closed:
            raise AssertionError("used after close")

        async def fetch() -> str:
            self.provider.reads += 1
            await asyncio.sleep(0.01)
            late = (await self.context.resolve(self.spec.late)).reveal_text() if self.spec.late else ""
            return f"{self.token}:{ref.key}{late}"

        async def fetch_many(keys: Sequence[str]) -> dict[str, str]:
            self.provider.reads += 1
            await asyncio.sleep(0.01)
            return {key: f"{self.token}:{key}" for key in keys}

        if ref.key.startswith("batched"):
            return SecretValue(await self.calls.read_batched("Many", ref.key, fetch_many, limit=2))
        return SecretValue(await self.calls.read("Get", ref.key, fetch))

    async def validate(self) -> ValidationResult:
        return ValidationResult.READY

    async def close(self) -> None:
        self.closed = True
        self.provider.closed += 1
        number = self.provider.closed
        await asyncio.sleep(self.provider.closing)
        if number in self.provider.broken:
            raise KeyError(number)


class EchoProvider(Provider[EchoSpec]):
    """Signs in with a token and answers with it."""

    name: ClassVar[str] = "echo"
    spec_type: ClassVar[type[BaseModel]] = EchoSpec

    def __init__(self) -> None:
        self.logins = self.closed = self.reads = 0
        self.closing = 0.0
        self.broken: set[int] = set()

    async def new_client(self, spec: EchoSpec, context: StoreContext) -> SecretsClient:
        self.logins += 1
        await asyncio.sleep(0.05)
        token = (await context.resolve(spec.token)).reveal_text() if spec.token is not None else "anonymous"
        if spec.peek:
            token += context.consumer_namespace
        if token == "refused":
            raise AccessDeniedError("the token is refused")
        if token == "nowhere":
            raise NoSecretError("the server answered 404")
        return EchoClient(self, spec, context, token)

    def validate_store(self, spec: EchoSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        return ()

    def is_referent(self, spec: EchoSpec) -> bool:
        return spec.token is not None and spec.token.namespace is None


class World:
    def __init__(self, client: Client, **options: Any) -> None:
        self.client = client
        self.provider = EchoProvider()
        registry = ProviderRegistry({})
        registry.add(self.provider)
        self.registry = CollectorRegistry()
        self.manager = ClientManager(client, registry, StoreMetrics(self.registry), **options)

    async def namespace(self, name: str, **labels: str) -> None:
        await self.client.create(Namespace(metadata=ObjectMeta(name=name, labels=labels)))

    async def secret(self, namespace: str, name: str, **data: str) -> Secret:
        return await self.client.create(
            Secret(
                metadata=ObjectMeta(name=name, namespace=namespace),
                data={key: value.encode() for key, value in data.items()},
            )
        )

    async def store(self, name: str, namespace: str, spec: dict[str, Any], **more: Any) -> SecretStore:
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": {"provider": {"echo": spec}, **more}}
        return await self.client.create(SecretStore.from_wire(body))

    async def cluster_store(self, name: str, spec: dict[str, Any], **more: Any) -> ClusterSecretStore:
        body = {"metadata": {"name": name}, "spec": {"provider": {"echo": spec}, **more}}
        return await self.client.create(ClusterSecretStore.from_wire(body))

    async def read(self, ref: SecretStoreRef, namespace: str, key: str = "k", **options: Any) -> str:
        async with self.manager.client(ref, namespace, **options) as client:
            return (await client.get_secret(RemoteRef(key))).reveal_text()


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    """Namespaces `a` and `b`, the CRDs of stores without the list of providers, and a manager."""
    async with ApiServer(listen=False) as server:
        client = Client(server.transport)
        for kind in (SecretStore, ClusterSecretStore):
            await client.raw("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=_definition(kind))
        found = World(client, **options)
        for name in ("a", "b"):
            await found.namespace(name)
        try:
            yield found
        finally:
            await found.manager.close()


def store_ref(name: str) -> SecretStoreRef:
    return SecretStoreRef(name=name, kind="SecretStore")


def cluster_ref(name: str) -> SecretStoreRef:
    return SecretStoreRef(name=name, kind="ClusterSecretStore")


def _definition(kind: type[SecretStore | ClusterSecretStore]) -> dict[str, Any]:
    resource = kind.resource
    version = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {
        "plural": resource.plural,
        "kind": resource.kind,
        "singular": resource.kind.lower(),
        "listKind": f"{resource.kind}List",
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.name},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": names,
            "versions": [version],
        },
    }
