"""The operator is killed at random moments while it pushes and generates: nothing is pushed wrong, no credential is forgotten."""

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
from reconcile.conditions import find_condition
from reconcile.errors import APIError, TransportError
from tests.chaos import manifests
from tests.chaos.backend import Backend
from tests.chaos.conftest import Scale
from tests.chaos.lives import Lives
from tests.chaos.manifests import NS, path
from tests.support.canaries import sightings
from tests.support.controlplane import ControlPlane
from tests.support.vendors.grafana import Grafana
from tests.support.vendors.tokenserver import serving

pytestmark = [pytest.mark.controlplane, pytest.mark.slow, pytest.mark.timeout(1800)]

_GENERATORS = "generators.external-secrets.io"
_GRACE = 3
_AGREED = 300.0
"""Seconds after the last kill within which all must agree; what an operator failed to do is tried again within some seconds."""
_WORKS = 120.0
"""Seconds within which an operator that has something to do does something; it starts within two, unless the machine is busy."""


@dataclass
class World:
    """As many PushSecrets as ExternalSecrets whose value is a token of Grafana; every fifth of the latter is left alone.

    Attributes:
        count: of each.
        sources: what each source Secret of a PushSecret holds.
        history: everything it ever held.
    """

    client: Client
    lives: Lives
    backend: Backend
    grafana: Grafana
    rng: random.Random
    count: int
    version: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    history: set[tuple[str, str]] = field(default_factory=set)

    @property
    def activity(self) -> int:
        """Requests that the operator has made at the store and the vendor."""
        return sum(self.backend.calls.values()) + len(self.grafana.seen)

    async def set_up(self) -> None:
        """All objects, before any operator runs."""
        await self._secret("grafana", token="canary-admin")
        token = self.backend.canary.plain("token")
        await self._secret("login-store", labels={"external-secrets.io/type": "webhook"}, token=token)
        self.backend.token = token
        await self.client.raw("POST", path("secretstores"), body=manifests.store("store", self.backend.url))
        generator = {
            "apiVersion": f"{_GENERATORS}/v1alpha1",
            "kind": "Grafana",
            "metadata": {"name": "grafana"},
            "spec": {
                "url": self.grafana.url,
                "auth": {"token": {"name": "grafana", "key": "token"}},
                "serviceAccount": {"name": "reader", "role": "Viewer"},
            },
        }
        await self.client.raw("POST", path("grafanas", "v1alpha1", _GENERATORS), body=generator)
        source = {"sourceRef": {"generatorRef": {"kind": "Grafana", "name": "grafana"}}}
        for number in range(self.count):
            await self.set_source(number)
            push = manifests.push_secret(number, "store")
            push["spec"] |= {"refreshInterval": "1h", "deletionPolicy": "Delete"}
            await self.client.raw("POST", path("pushsecrets", "v1alpha1"), body=push)
            es = manifests.external_secret(number, "store", refreshInterval="1h", dataFrom=[source], data=[])
            await self.client.raw("POST", path("externalsecrets"), body=es)

    async def _secret(self, name: str, *, labels: dict[str, str] | None = None, **data: str) -> None:
        metadata = ObjectMeta(name=name, namespace=NS, labels=labels or {})
        encoded = {key: value.encode() for key, value in data.items()}
        await self.client.apply(Secret(metadata=metadata, data=encoded), field_manager="test")

    async def set_source(self, number: int) -> None:
        """A new value in the source of a PushSecret."""
        key, text = f"p-{number}", self.backend.canary.plain("source")
        self.history.add((key, text))
        await self._secret(f"source-{number}", v=text)
        self.sources[key] = text

    async def work(self) -> None:
        """Something to do for the next life of the operator."""
        sample = min(10, self.count)
        async with asyncio.TaskGroup() as group:
            for number in self.rng.sample(range(self.count), sample):
                group.create_task(self.set_source(number))
            for number in self.rng.sample(range(self.count), sample):
                if number % 5:
                    self.version += 1
                    forced = {"metadata": {"annotations": {"force-sync": str(self.version)}}}
                    group.create_task(self.client.patch(ExternalSecret, f"es-{number}", NS, MergePatch(forced)))

    async def kill_in_the_middle(self) -> None:
        """Give the operator work, wait until it has begun, and kill it some requests later."""
        before, deadline = self.activity, time.monotonic() + _WORKS
        await self.work()
        while self.activity == before:
            assert time.monotonic() < deadline, (
                f"the operator did nothing for {_WORKS:g} s: {self.lives.text()[-2000:]}"
            )
            await asyncio.sleep(0.01)
        await asyncio.sleep(self.rng.choice([0.05, 0.3, 1.0]) * self.rng.random())
        await self.lives.kill()

    async def kept(self) -> dict[str, bytes]:
        """The tokens that nobody asks to change."""
        secrets = await self.client.list(Secret, NS)
        kept = {f"es-{number}" for number in range(0, self.count, 5)}
        return {secret.name: secret.data["token"] for secret in secrets if secret.name in kept}

    async def disagreements(self) -> list[str]:
        """Where store, cluster, status and vendor differ."""
        found: list[str] = []
        secrets = {secret.name: secret.data for secret in await self.client.list(Secret, NS)}
        for push in await self.client.list(PushSecret, NS):
            key = f"p-{push.name.removeprefix('push-')}"
            if self.backend.values.get(key) != self.sources[key]:
                found.append(f"{push.name}: the store does not hold the value of the source")
            if list((push.status.synced_push_secrets or {}).get("SecretStore/store", {})) != [key]:
                found.append(f"{push.name}: status.syncedPushSecrets is {push.status.synced_push_secrets}")
            found += _not_ready(push)
        for es in await self.client.list(ExternalSecret, NS):
            found += _not_ready(es)
        states = (await self.client.list(GeneratorState, NS)).items
        recorded = sorted(_token_id(state) for state in states)
        issued = sorted(number for _, number in self.grafana.tokens)
        if issued != recorded:
            found.append(f"{len(issued)} tokens are valid at the vendor, {len(recorded)} on record")
        used = {
            secrets[f"es-{n}"]["token"].decode() for n in range(self.count) if "token" in secrets.get(f"es-{n}", {})
        }
        if used != {f"glsa_canary_{number}" for number in issued}:
            found.append(f"{len(issued)} tokens are valid at the vendor, {len(used)} in use")
        if len(used) != self.count:
            found.append(f"{len(used)} ExternalSecrets of {self.count} have a token")
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
            assert time.monotonic() - began < _AGREED, f"{len(problems)} disagreements: {problems[:5]}"
            await asyncio.sleep(0.5)

    async def delete_everything(self) -> None:
        """Deleted objects take their credentials and what they pushed along."""
        await self.client.raw("DELETE", path("externalsecrets"))
        await self.client.raw("DELETE", path("pushsecrets", "v1alpha1"))
        began = time.monotonic()
        while True:
            left: list[Any] = [state.name for state in await self.client.list(GeneratorState, NS)]
            left += [*self.grafana.tokens, *self.backend.values]
            left += [push.name for push in await self.client.list(PushSecret, NS)]
            left += [secret.name for secret in await self.client.list(Secret, NS) if secret.name.startswith("es-")]
            if not left:
                return
            assert time.monotonic() - began < 120, f"{len(left)} still there: {left[:5]}"
            await asyncio.sleep(0.5)


def _token_id(state: GeneratorState) -> int:
    """-1 for what has only been intended."""
    return int(state.spec.state["serviceAccount"].get("tokenID", -1))


def _not_ready(obj: ExternalSecret | PushSecret) -> list[str]:
    ready = find_condition(obj.status.conditions or [], "Ready")
    if ready is not None and ready.status == "True":
        return []
    return [f"{obj.name} is not Ready: {ready.message if ready else 'no condition'}"]


@asynccontextmanager
async def _world(
    plane: ControlPlane, client: Client, rng: random.Random, count: int, folder: Path
) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        backend = Backend("store")
        grafana = Grafana(accounts={1: {"id": 1, "login": "sa-reader", "name": "reader"}})
        await stack.enter_async_context(backend.serving())
        await stack.enter_async_context(serving(grafana))
        lives = Lives(folder / "operator.log", (f"--generator-gc-grace-period={_GRACE}s",))
        world = World(client, lives, backend, grafana, rng, count)
        await world.set_up()
        await stack.enter_async_context(lives.running(plane.kubeconfig))
        yield world


async def test_killed_again_and_again_it_forgets_nothing(
    plane: ControlPlane, client: Client, rng: random.Random, scale: Scale, tmp_path: Path
) -> None:
    async with _world(plane, client, rng, scale.push_secrets, tmp_path) as world:
        await world.agreed()
        kept = await world.kept()
        made, pushed = world.grafana.issued, len(world.backend.pushed)
        began = time.monotonic()
        for _ in range(scale.kills):
            await world.kill_in_the_middle()
        lasted = time.monotonic() - began
        agreed = await world.agreed()
        print(
            f"{world.lives.kills} kills in {lasted:.0f} s over {world.count} PushSecrets and {world.count}"
            f" ExternalSecrets: in agreement after {agreed:.0f} s; {world.grafana.issued - made} tokens made for"
            f" {world.version} wishes, {len(world.grafana.tokens)} valid; {len(world.backend.pushed) - pushed} pushes of"
            f" {len(world.history) - world.count} changes"
        )
        assert await world.kept() == kept
        assert len(kept) == (world.count + 4) // 5
        await world.delete_everything()
        assert list(world.grafana.accounts) == [1]
    assert set(world.backend.pushed) <= world.history
    logs = world.lives.text()
    assert sightings(logs) == []
    assert "glsa_canary" not in logs
    assert "Traceback" not in logs
