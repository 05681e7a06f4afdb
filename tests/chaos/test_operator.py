"""Three replicas, two stores, hundreds of objects, and everything goes wrong: at the end all is as it should be, and never was not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from reconcile.api.coordination_v1 import Lease
from reconcile.api.core_v1 import Secret
from reconcile.client import Client
from tests.chaos.backend import Backend
from tests.chaos.conftest import Scale
from tests.chaos.faults import FAULTS
from tests.chaos.manifests import NS
from tests.chaos.observer import Observer
from tests.chaos.proxy import Proxy
from tests.chaos.replicas import Replicas
from tests.chaos.world import World
from tests.support.canaries import Canaries, sightings
from tests.support.controlplane import ControlPlane

pytestmark = [pytest.mark.controlplane, pytest.mark.slow, pytest.mark.timeout(1200)]

_LANES = 2
"""Faults at the same time."""
_MEGABYTES = 300


@asynccontextmanager
async def _world(
    plane: ControlPlane, client: Client, rng: random.Random, scale: Scale, folder: Path
) -> AsyncIterator[World]:
    canary = Canaries()
    async with AsyncExitStack() as stack:
        proxy = Proxy(plane, rng, folder)
        backends = [Backend("left", canary), Backend("right", canary)]
        await stack.enter_async_context(proxy.serving())
        for backend in backends:
            await stack.enter_async_context(backend.serving())
        clock = folder / "clock"
        clock.write_text("0")
        replicas = Replicas(proxy.kubeconfig, folder, clock=clock)
        world = World(plane, client, proxy, replicas, backends, rng, scale, clock, canary)
        await world.set_up()
        await stack.enter_async_context(replicas.kept(3))
        yield world


async def _break_everything(world: World) -> None:
    names = [*(world.scale.faults or FAULTS)] * world.scale.rounds
    world.rng.shuffle(names)

    async def lane() -> None:
        while names:
            name = names.pop()
            world.faults[name] += 1
            await FAULTS[name](world)
            await asyncio.sleep(world.rng.uniform(0.2, 2))

    async with asyncio.TaskGroup() as group:
        for _ in range(_LANES):
            group.create_task(lane())


async def test_nothing_is_lost_wrong_or_leaked(
    plane: ControlPlane, client: Client, rng: random.Random, scale: Scale, tmp_path: Path
) -> None:
    async with _world(plane, client, rng, scale, tmp_path) as world:
        observer = Observer(plane, NS, world.check)
        async with observer.watching():
            first = await world.healed()
            living = asyncio.create_task(world.live())
            await _break_everything(world)
            living.cancel()
            await asyncio.wait([living])
            healed = await world.healed()
            memory = [replica.memory() // 10**6 for replica in world.replicas.running]
            gone = await world.delete_everything()
    pushes = [entry for backend in world.backends for entry in backend.pushed]
    print(
        f"first sync of all {first:.0f} s; {sum(world.faults.values())} faults: {dict(sorted(world.faults.items()))};"
        f" {observer.writes} versions of Secrets seen over {observer.breaks} breaks and {observer.gaps} gaps, {len(pushes)} pushes;"
        f" in step again after {healed:.0f} s, all deleted after {gone:.0f} s; replicas at {memory} MB;"
        f" {world.replicas.kills} killed, ended by themselves: {dict(Counter(world.replicas.deaths))};"
        f" proxy: {dict(world.proxy.seen)}; stores: {[dict(backend.calls) for backend in world.backends]}"
    )
    assert observer.wrong == []
    assert [key for key, value in pushes if value not in world.source_history[key]] == []
    await _nothing_is_left(world)
    assert sightings(world.replicas.logs()) == []
    assert "Traceback" not in world.replicas.logs()
    assert max(memory) < _MEGABYTES


async def _nothing_is_left(world: World) -> None:
    """Of what the operator made; the remote values are those whose PushSecrets leave them."""
    left = {secret.name for secret in await world.client.list(Secret, NS)}
    assert {name for name in left if not name.startswith(("login-", "source-"))} == set()
    assert (await world.client.list(GeneratorState, NS)).items == []
    assert [lease.name for lease in await world.client.list(Lease, NS)] == ["external-secrets-controller"]
    for backend in world.backends:
        pushed = {key for key in backend.values if key.startswith("p-")}
        wanted = {f"p-{number}" for number in range(0, world.scale.push_secrets, 2)}
        assert pushed == {key for key in wanted if world.backend_of(int(key[2:])) is backend}
