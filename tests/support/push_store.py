"""An operator on a control plane in this process, with a provider that counts what is written to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.cli.crds import all_crds
from eso.cli.operator import build_operator
from eso.controllers.conditions import find
from eso.errors import NoSecretError
from eso.generators.registry import GeneratorRegistry
from eso.providers.base import (
    Capabilities,
    Provider,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    StoreContext,
)
from eso.providers.common import pushed_value
from eso.providers.fake.spec import FakeSpec
from eso.providers.registry import ProviderRegistry
from eso.settings import ControllerSettings, MetricsSettings
from eso.values import SecretValue
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import Condition, ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.client.transport import Response, Transport
from reconcile.manager import Manager
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually

__all__ = ["Cluster", "OneWayProvider", "Vault", "cluster"]

K = TypeVar("K", bound=KubeObject)


@dataclass
class Vault:
    """What one store holds, and how it misbehaves.

    Attributes:
        values: place -> value.
        writes: every write in order; a provider without a comparison of its own makes a version of each.
        deleted: every place that was deleted, in order.
        refuse: place (or `*`) -> error of writes.
        refuse_delete: place -> error of deletions.
        refuse_exists: error of looking whether something exists.
        down: error of making a client.
        gate: writes wait for it.
        waiting: how many have come to the gate.
        unreadable: error of reads.
        reads: how often it was asked for a value or whether there is one.
        slow: seconds that a write takes before and after it takes effect.
    """

    values: dict[str, bytes] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    sources: dict[str, SourceSecret] = field(default_factory=dict)
    refuse: dict[str, Exception] = field(default_factory=dict)
    refuse_delete: dict[str, Exception] = field(default_factory=dict)
    refuse_exists: Exception | None = None
    down: Exception | None = None
    gate: asyncio.Event | None = None
    waiting: int = 0
    unreadable: Exception | None = None
    reads: int = 0
    slow: float = 0.0


class VaultClient(SecretsClient):
    def __init__(self, provider: VaultProvider, name: str) -> None:
        self._provider, self._name = provider, name

    @property
    def _vault(self) -> Vault:
        return self._provider.vault(self._name)

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        self._vault.reads += 1
        if self._vault.unreadable is not None:
            raise self._vault.unreadable
        found = self._vault.values.get(_place(ref.key, ref.property))
        if found is None:
            raise NoSecretError
        return SecretValue(found)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        place = _place(entry.remote.remote_key, entry.remote.property)
        if self._vault.gate is not None:
            self._vault.waiting += 1
            await self._vault.gate.wait()
        await asyncio.sleep(self._vault.slow)
        for name in (place, "*"):
            if name in self._vault.refuse:
                raise self._vault.refuse[name]
        self._vault.values[place] = pushed_value(source, entry).reveal()
        self._vault.sources[place] = source
        self._vault.writes.append(place)
        self._provider.order.append(("write", f"{self._name}:{place}"))
        await asyncio.sleep(self._vault.slow)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        place = _place(remote.remote_key, remote.property)
        if place in self._vault.refuse_delete:
            raise self._vault.refuse_delete[place]
        self._vault.values.pop(place, None)
        self._vault.deleted.append(place)
        self._provider.order.append(("delete", f"{self._name}:{place}"))

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        self._vault.reads += 1
        if self._vault.refuse_exists is not None:
            raise self._vault.refuse_exists
        return _place(remote.remote_key, remote.property) in self._vault.values


def _place(key: str, prop: str) -> str:
    return f"{key}/{prop}" if prop else key


class VaultProvider(Provider[FakeSpec]):
    """Takes the place of the provider `fake`, whose spec the real CustomResourceDefinition knows."""

    name: ClassVar[str] = "fake"
    spec_type: ClassVar[type[BaseModel]] = FakeSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self) -> None:
        self.vaults: dict[str, Vault] = {}
        self.order: list[tuple[str, str]] = []

    def vault(self, name: str) -> Vault:
        return self.vaults.setdefault(name, Vault())

    async def new_client(self, spec: FakeSpec, context: StoreContext) -> SecretsClient:
        down = self.vault(context.store_name).down
        if down is not None:
            raise down
        return VaultClient(self, context.store_name)

    def validate_store(self, spec: FakeSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        return ()


class OneWayProvider(VaultProvider):
    """One whose values cannot be read where they were written."""

    reads_back: ClassVar[bool] = False


class CountedTransport:
    """Notes every request of the operator but watches."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.host = inner.host
        self.seen: list[str] = []

    async def request(self, method: str, path: str, **more: Any) -> Response:
        """Send it on."""
        self.seen.append(f"{method} {path}")
        return await self._inner.request(method, path, **more)

    def stream(self, *arguments: Any, **more: Any) -> Any:
        """Watches are not counted."""
        return self._inner.stream(*arguments, **more)

    async def close(self) -> None:
        """Close the inner one."""
        await self._inner.close()


class Cluster:
    """A control plane with every CustomResourceDefinition, an operator, and short ways to objects."""

    def __init__(self, server: ApiServer, client: Client, provider: VaultProvider) -> None:
        self.server = server
        self.client = client
        self.provider = provider
        self.manager: Manager | None = None
        self.generators: GeneratorRegistry | None = None
        self.counted = CountedTransport(server.transport)

    def vault(self, name: str = "store") -> Vault:
        return self.provider.vault(name)

    @property
    def registry(self) -> CollectorRegistry:
        assert self.manager is not None
        return self.manager.registry

    def passes(self, controller: str) -> float:
        """How many reconciles a controller has done."""
        results = ("success", "error", "requeue", "requeue_after")
        name = "controller_runtime_reconcile_total"
        found = (self.registry.get_sample_value(name, {"controller": controller, "result": one}) for one in results)
        return sum(value or 0.0 for value in found)

    @asynccontextmanager
    async def operator(self, **settings: Any) -> AsyncIterator[Manager]:
        """Run an operator; it is stopped at the end of the block."""
        manager = self._new_manager(**settings)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(manager.run())
            try:
                yield manager
            finally:
                manager.stop()
                await asyncio.wait([task])

    async def until_killed(self, **settings: Any) -> None:
        """Run an operator until cancelled, which takes effect wherever it is."""
        await self._new_manager(**settings).run()

    def _new_manager(self, **settings: Any) -> Manager:
        registry = ProviderRegistry({})
        registry.add(self.provider)
        wanted = ControllerSettings(metrics=MetricsSettings(metrics_addr="0"), live_addr="", **settings)
        manager = build_operator(
            Client(self.counted), wanted, registry=registry, generators=self.generators, handle_signals=False
        )
        self.manager = manager
        return manager

    async def namespace(self, name: str, **labels: str) -> Namespace:
        return await self.client.create(Namespace(metadata=ObjectMeta(name=name, labels=labels)))

    async def secret(
        self, name: str = "source", namespace: str = "default", *, labels: dict[str, str] | None = None, **data: str
    ) -> Secret:
        found = Secret(
            metadata=ObjectMeta(name=name, namespace=namespace, labels=labels or {}),
            data={key: value.encode() for key, value in data.items()},
        )
        return await self.client.create(found)

    async def set_secret(self, name: str = "source", namespace: str = "default", **data: str) -> Secret:
        body = {"stringData": data}
        return await self.client.patch(Secret, name, namespace, MergePatch(body))

    async def store(
        self,
        name: str = "store",
        namespace: str = "default",
        *,
        labels: dict[str, str] | None = None,
        controller: str | None = None,
    ) -> None:
        spec = {"provider": {"fake": {"data": []}}, **({"controller": controller} if controller else {})}
        metadata = {"name": name, "labels": labels or {}}
        if namespace:
            await self.client.create(
                SecretStore.from_wire({"metadata": {**metadata, "namespace": namespace}, "spec": spec})
            )
        else:
            await self.client.create(ClusterSecretStore.from_wire({"metadata": metadata, "spec": spec}))

    async def push(self, spec: dict[str, Any], name: str = "push", namespace: str = "default") -> PushSecret:
        """Create a PushSecret; the store is `store` and the source `source` unless `spec` says otherwise."""
        whole = {
            "secretStoreRefs": [{"name": "store", "kind": "SecretStore"}],
            "selector": {"secret": {"name": "source"}},
            "refreshInterval": "1h",
            **spec,
        }
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": whole}
        return await self.client.create(PushSecret.from_wire(body))

    async def edit(self, kind: type[K], name: str, namespace: str, **spec: Any) -> K:
        return await self.client.patch(kind, name, namespace, MergePatch({"spec": spec}))

    async def condition(
        self, status: str, message: str | None = None, *, name: str = "push", namespace: str = "default"
    ) -> PushSecret:
        """Wait for the Ready condition of a PushSecret."""

        async def check() -> PushSecret | None:
            found = await self.client.get(PushSecret, name, namespace)
            ready: Condition | None = find(found.status.conditions)
            assert ready is not None, "no condition"
            assert (ready.status, ready.message if message is not None else None) == (status, message), ready
            return found

        found = await eventually(check)
        assert found is not None
        return found


@asynccontextmanager
async def cluster(provider: VaultProvider | None = None) -> AsyncIterator[Cluster]:
    """A control plane; start the operator with `operator`."""
    async with ApiServer(listen=False) as server:
        client = Client(server.transport)
        for crd in all_crds():
            await client.raw("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=crd)
        yield Cluster(server, client, provider or VaultProvider())
