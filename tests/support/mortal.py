"""An operator that dies at a chosen step: a request, a token made or revoked, a value written or deleted, before it or after it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from eso.api.generators_v1alpha1.gitlabdeploytoken import GitlabDeployTokenSpec
from eso.cli.operator import build_operator
from eso.generators.base import Generated, GeneratorContext
from eso.generators.registry import GeneratorRegistry
from eso.providers.base import PushEntry, PushRemoteRef, SecretsClient, SourceSecret, StoreContext
from eso.providers.fake.spec import FakeSpec
from eso.providers.registry import ProviderRegistry
from eso.settings import ControllerSettings, MetricsSettings
from reconcile.client.client import Client
from reconcile.client.transport import Response, Transport
from tests.support.push_store import VaultClient, VaultProvider
from tests.support.tokenvendor import Cluster, TokenGenerator, Vendor, cluster

__all__ = ["Life", "MortalWorld", "mortal_world"]


class Life:
    """Counts what an operator does to the world, and ends at one of these steps.

    Args:
        last: number of the step; 0 for a long life.
    """

    def __init__(self, last: int = 0) -> None:
        self.over = asyncio.Event()
        self.taken: list[str] = []
        self._last = last
        self._counting = False

    def count(self) -> None:
        """From now on steps count."""
        self._counting = True

    def step(self, what: str) -> None:
        """Go on, unless life is over: whatever is tried then ends as in a process that is gone."""
        if self.over.is_set():
            raise asyncio.CancelledError
        if self._counting:
            self.taken.append(what)
            if len(self.taken) == self._last:
                self.over.set()
                raise asyncio.CancelledError


class _Transport:
    def __init__(self, inner: Transport, life: Life) -> None:
        self._inner = inner
        self._life = life
        self.host = inner.host

    async def request(self, method: str, path: str, **more: Any) -> Response:
        # Events are sent aside and decide nothing.
        what = "" if path.endswith("/events") else f"{method} {path}"
        if what:
            self._life.step(f"before {what}")
        answer = await self._inner.request(method, path, **more)
        if what:
            self._life.step(f"after {what}")
        return answer

    def stream(self, *arguments: Any, **more: Any) -> Any:
        return self._inner.stream(*arguments, **more)

    async def close(self) -> None:
        await self._inner.close()


class _Generator(TokenGenerator):
    def __init__(self, vendor: Vendor, life: Life, names: itertools.count[int]) -> None:
        super().__init__(vendor)
        self._life = life
        self._unique = names

    def intent(self, spec: GitlabDeployTokenSpec) -> Any:
        return {"name": f"unique-{next(self._unique)}"}

    async def _generate(self, name: str) -> Generated:
        self._life.step("before a token is made")
        made = await super()._generate(name)
        self._life.step("after a token was made")
        return made

    async def cleanup(self, spec: GitlabDeployTokenSpec, state: Any, context: GeneratorContext) -> None:
        self._life.step("before a token is revoked")
        await super().cleanup(spec, state, context)
        self._life.step("after a token was revoked")


class _VaultClient(VaultClient):
    def __init__(self, provider: _VaultProvider, name: str) -> None:
        super().__init__(provider, name)
        self._life = provider.life

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        self._life.step("before a value is written")
        await super().push_secret(source, entry)
        self._life.step("after a value was written")

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        self._life.step("before a value is deleted")
        await super().delete_secret(remote)
        self._life.step("after a value was deleted")


class _VaultProvider(VaultProvider):
    def __init__(self) -> None:
        super().__init__()
        self.life = Life()

    async def new_client(self, spec: FakeSpec, context: StoreContext) -> SecretsClient:
        return _VaultClient(self, context.store_name)


class MortalWorld:
    """An API server, a vendor of tokens and a provider that outlive operators."""

    def __init__(self, inner: Cluster) -> None:
        self.cluster = inner
        self.client = inner.client
        self.vendor = inner.vendor
        self.vendor.named = True
        self.provider = _VaultProvider()
        self._names = itertools.count()

    @property
    def values(self) -> dict[str, bytes]:
        """What the provider holds."""
        return self.provider.vault("store").values

    @asynccontextmanager
    async def operator(self, life: Life) -> AsyncIterator[None]:
        """An operator that runs as long as it lives; at the end of the block it is killed."""
        self.provider.life = life
        registry = ProviderRegistry({})
        registry.add(self.provider)
        settings = ControllerSettings(
            metrics=MetricsSettings(metrics_addr=""),
            live_addr="",
            enable_cluster_push_secret_reconciler=False,
            enable_cluster_external_secret_reconciler=False,
        )
        generators = GeneratorRegistry(
            instances={"GitlabDeployToken": _Generator(self.vendor, life, self._names)},
        )
        manager = build_operator(
            Client(_Transport(self.cluster.server.transport, life)),
            settings,
            registry=registry,
            generators=generators,
            clock=self.cluster.now,
            handle_signals=False,
        )
        running = asyncio.create_task(manager.run())
        try:
            await manager.started.wait()
            yield
        finally:
            life.over.set()
            running.cancel()
            await asyncio.wait([running])


@asynccontextmanager
async def mortal_world() -> AsyncIterator[MortalWorld]:
    """With a generator `gen` and a SecretStore `store` in the namespace `default`."""
    async with cluster() as inner:
        await inner.generator()
        store = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "SecretStore",
            "metadata": {"name": "store"},
            "spec": {"provider": {"fake": {"data": []}}},
        }
        await inner.create(store, "secretstores")
        yield MortalWorld(inner)
