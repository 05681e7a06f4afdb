"""The operator is killed at random moments while it pushes and generates: no value twice, no credential forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client, MergePatch
from reconcile.errors import APIError, TransportError
from tests.chaos.backend import Backend
from tests.chaos.conftest import Scale
from tests.chaos.replicas import Replicas
from tests.support.controlplane import ControlPlane
from tests.support.vendors.grafana import Grafana
from tests.support.vendors.tokenserver import serving

pytestmark = [pytest.mark.controlplane, pytest.mark.slow, pytest.mark.timeout(2400)]

NS = "default"
ESO = f"/apis/external-secrets.io/{{}}/namespaces/{NS}/{{}}"
GENERATORS = f"/apis/generators.external-secrets.io/v1alpha1/namespaces/{NS}"
GRACE = 3.0
FLAGS = (f"--generator-gc-grace-period={GRACE:g}s",)
HEALED = 240.0


@dataclass
class World:
    """Half of the objects push, the other half hold a token of Grafana."""

    client: Client
    replicas: Replicas
    backend: Backend
    grafana: Grafana
    rng: random.Random
    count: int
    version: int = 0
    sources: dict[str, str] = field(default_factory=dict)

    async def set_up(self) -> None:
        await self.client.create(
            Secret(metadata=ObjectMeta(name="grafana", namespace=NS), data={"token": b"canary-admin"})
        )
        webhook = {
            "url": f"{self.backend.url}/kv/{{{{ .remoteRef.key }}}}{{{{ .remoteRef.remoteKey }}}}",
            "headers": {"Authorization": "Bearer anyone"},
            "result": {"jsonPath": "$.value"},
        }
        await self._create(ESO.format("v1", "secretstores"), "SecretStore", "store", {"provider": {"webhook": webhook}})
        generator = {
            "url": self.grafana.url,
            "auth": {"token": {"name": "grafana", "key": "token"}},
            "serviceAccount": {"name": "reader", "role": "Viewer"},
        }
        await self._create(f"{GENERATORS}/grafanas", "Grafana", "grafana", generator, group="generators")
        for number in range(self.count):
            await self.set_source(number)
            push = {
                "refreshInterval": "1h",
                "deletionPolicy": "Delete",
                "secretStoreRefs": [{"name": "store", "kind": "SecretStore"}],
                "selector": {"secret": {"name": f"source-{number}"}},
                "data": [{"match": {"secretKey": "v", "remoteRef": {"remoteKey": f"p-{number}"}}}],
            }
            await self._create(ESO.format("v1alpha1", "pushsecrets"), "PushSecret", f"push-{number}", push)
            source = {"sourceRef": {"generatorRef": {"kind": "Grafana", "name": "grafana"}}}
            es = {"refreshInterval": "1h", "dataFrom": [source]}
            await self._create(ESO.format("v1", "externalsecrets"), "ExternalSecret", f"es-{number}", es)

    async def _create(self, path: str, kind: str, name: str, spec: dict[str, Any], *, group: str = "") -> None:
        prefix = f"{group}." if group else ""
        version = path.split("/")[3]
        body = {"apiVersion": f"{prefix}external-secrets.io/{version}", "kind": kind, "metadata": {"name": name}}
        await self.client.raw("POST", path, body={**body, "spec": spec})

    async def set_source(self, number: int) -> None:
        self.version += 1
        text = f"source/p-{number}#{self.version}"
        secret = Secret(metadata=ObjectMeta(name=f"source-{number}", namespace=NS), data={"v": text.encode()})
        await self.client.apply(secret, field_manager="test")
        self.sources[f"p-{number}"] = text

    async def work(self) -> None:
        """Something to do for the next life of the operator."""
        for number in self.rng.sample(range(self.count), min(10, self.count)):
            await self.set_source(number)
        for number in self.rng.sample(range(self.count), min(10, self.count)):
            self.version += 1
            forced = {"metadata": {"annotations": {"force-sync": str(self.version)}}}
            await self.client.patch(ExternalSecret, f"es-{number}", NS, MergePatch(forced))

    async def disagreements(self) -> list[str]:
        """Where store, cluster, status and vendor differ."""
        found: list[str] = []
        secrets = {secret.name: secret for secret in await self.client.list(Secret, NS)}
        states = await self.client.list(GeneratorState, NS)
        for push in await self.client.list(PushSecret, NS):
            key = f"p-{push.name.rpartition('-')[2]}"
            if self.backend.values.get(key) != self.sources[key]:
                found.append(f"{push.name}: the store does not hold the value of the source")
            found += _not_ready(push)
            if list((push.status.synced_push_secrets or {}).get("SecretStore/store", {})) != [key]:
                found.append(f"{push.name}: status.syncedPushSecrets is {push.status.synced_push_secrets}")
        for es in await self.client.list(ExternalSecret, NS):
            found += _not_ready(es)
            if "token" not in (secrets[es.name].data if es.name in secrets else {}):
                found.append(f"{es.name} has no token")
        recorded = {state.spec.state.get("serviceAccount", {}).get("tokenID") for state in states}
        issued = {number for _, number in self.grafana.tokens}
        if issued != recorded:
            found.append(
                f"valid at the vendor and not on record: {issued - recorded}; the other way: {recorded - issued}"
            )
        used = {secret.data["token"].decode() for name, secret in secrets.items() if name.startswith("es-")}
        if used != {f"glsa_canary_{number}" for number in issued}:
            found.append(f"{len(used)} tokens in Secrets, {len(issued)} valid ones at the vendor")
        return found

    async def agreed(self) -> float:
        """Seconds until all agree."""
        began = time.monotonic()
        while True:
            problems: list[str] = ["the API server does not answer"]
            with contextlib.suppress(APIError, TransportError):
                problems = await self.disagreements()
            if not problems:
                return time.monotonic() - began
            assert time.monotonic() - began < HEALED, f"{len(problems)} disagreements: {problems[:5]}"
            await asyncio.sleep(0.5)


def _not_ready(obj: ExternalSecret | PushSecret) -> list[str]:
    ready = [condition for condition in obj.status.conditions or [] if condition.type == "Ready"]
    if ready and ready[0].status == "True":
        return []
    return [f"{obj.name} is not Ready: {ready[0].message if ready else 'no condition'}"]


@asynccontextmanager
async def _world(
    plane: ControlPlane, client: Client, rng: random.Random, count: int, folder: Path
) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        backend, grafana = Backend("store", token="anyone"), Grafana()
        await stack.enter_async_context(backend.serving())
        await stack.enter_async_context(serving(grafana))
        replicas = Replicas(plane.kubeconfig, folder, FLAGS)
        stack.push_async_callback(replicas.stop)
        world = World(client, replicas, backend, grafana, rng, count)
        await world.set_up()
        await replicas.start()
        yield world


async def test_killed_again_and_again_it_loses_and_forgets_nothing(
    plane: ControlPlane, client: Client, rng: random.Random, scale: Scale, tmp_path: Path
) -> None:
    async with _world(plane, client, rng, min(scale.push_secrets, scale.external_secrets), tmp_path) as world:
        await world.agreed()
        made, pushed = world.grafana.issued, len(world.backend.pushed)
        for _ in range(scale.kills):
            await world.work()
            # Starting takes about a second; the moment of the kill lies anywhere in what follows.
            await asyncio.sleep(rng.uniform(0.8, 2.2))
            await world.replicas.kill(world.replicas.running[0])
        agreed = await world.agreed()
        print(
            f"{scale.kills} kills over {world.count} PushSecrets and {world.count} ExternalSecrets: in agreement after"
            f" {agreed:.1f} s; {world.grafana.issued - made} tokens made, {len(world.grafana.tokens)} valid,"
            f" {len(world.backend.pushed) - pushed} pushes of {world.version} changes"
        )
        await _deleting_revokes(world)
    assert world.replicas.deaths == []


async def _deleting_revokes(world: World) -> None:
    """Deleted objects take their credentials and what they pushed along."""
    await world.client.raw("DELETE", ESO.format("v1", "externalsecrets"))
    await world.client.raw("DELETE", ESO.format("v1alpha1", "pushsecrets"))
    began = time.monotonic()
    while True:
        left: list[Any] = list(await world.client.list(GeneratorState, NS))
        left += [*world.grafana.tokens, *world.backend.values, *await world.client.list(PushSecret, NS)]
        if not left:
            return
        assert time.monotonic() - began < 90, f"still there: {left[:5]}"
        await asyncio.sleep(0.5)
