"""PushSecrets under bad luck: providers that can only be written to, operators that are killed, API servers that refuse."""

from __future__ import annotations

import asyncio
import random

import pytest

from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from eso.errors import InvalidRequestError
from reconcile.api.core_v1 import Secret
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster
from tests.support.pushes import DONE, data


@pytest.mark.parametrize("can_look", [True, False])
async def test_a_provider_that_cannot_be_read_gets_an_unchanged_value_once(world: Cluster, can_look: bool) -> None:
    world.vault().unreadable = InvalidRequestError("write only")
    if not can_look:
        world.vault().refuse_exists = InvalidRequestError("write only")
    await world.secret(a="1")
    async with world.operator():
        await world.push({"refreshInterval": "20ms", "data": [data("a", "r")]})
        await world.condition("True", DONE)
        begun = world.passes("pushsecret")
        await eventually(lambda: world.passes("pushsecret") >= begun + 20)
        assert world.vault().writes == ["r"]
        await world.set_secret(a="2")
        await eventually(lambda: world.vault().values == {"r": b"2"})
        if can_look:
            world.vault().values.clear()
            await eventually(lambda: world.vault().values == {"r": b"2"})


async def test_a_store_that_is_made_anew_gets_the_values_again(world: Cluster) -> None:
    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await world.condition("True", DONE)
        await world.client.delete(SecretStore, "store", "default")
        await world.store()
        await eventually(lambda: len(world.vault().writes) == 2)


async def test_a_killed_operator_leaves_provider_and_status_in_agreement(world: Cluster) -> None:
    rng = random.Random(7)
    names = [f"push-{number}" for number in range(8)]
    for name in names:
        await world.secret(f"source-{name}", a="1")
        await world.push(
            {
                "deletionPolicy": "Delete",
                "selector": {"secret": {"name": f"source-{name}"}},
                "data": [data("a", f"{name}-{part}") for part in range(2)],
            },
            name,
        )
    world.vault().slow = 0.004
    for turn in range(12):
        running = asyncio.create_task(world.until_killed())
        await asyncio.sleep(0.03 + rng.random() * 0.06)
        victim = rng.choice(names)
        await world.edit(PushSecret, victim, "default", data=[data("a", f"{victim}-{turn}")])
        await world.set_secret(f"source-{rng.choice(names)}", a=str(turn))
        await asyncio.sleep(rng.random() * 0.05)
        running.cancel()
        await asyncio.wait([running])
    gone = names[:4]
    for name in gone:
        await world.client.delete(PushSecret, name, "default")
    async with world.operator():

        async def agree() -> bool:
            wanted = set()
            for name in names:
                push = await world.client.find(PushSecret, name, "default")
                assert (push is None) == (name in gone), name
                if push is not None:
                    condition = find(push.status.conditions)
                    assert condition is not None
                    assert condition.status == "True", condition
                    asked = {entry.match.remote_ref.remote_key for entry in push.spec.data or ()}
                    assert set((push.status.synced_push_secrets or {})["SecretStore/store"]) == asked
                    wanted |= asked
            return set(world.vault().values) == wanted

        await eventually(agree, timeout=10)


async def test_nothing_secret_is_said(world: Cluster) -> None:
    canary = "c4nary-value"
    await world.secret(a=canary)
    world.vault().refuse["r"] = ValueError(canary)
    async with world.operator():
        await world.push({"data": [data("a", "r")]})

        async def told() -> bool:
            push = await world.client.get(PushSecret, "push", "default")
            condition = find(push.status.conditions)
            assert condition is not None
            assert canary not in str(push.to_wire())
            return "unexpected ValueError" in condition.message

        await eventually(told)


async def test_a_hundred_sources_make_a_hundred_places(world: Cluster) -> None:
    for number in range(100):
        await world.client.create(
            Secret.from_wire(
                {
                    "metadata": {"name": f"s-{number}", "namespace": "default", "labels": {"push": "me"}},
                    "stringData": {f"k-{number}": "v"},
                }
            )
        )
    async with world.operator():
        selector = {"secret": {"selector": {"matchLabels": {"push": "me"}}}}
        await world.push({"selector": selector, "dataTo": [{"storeRef": {"name": "store"}}]})
        await world.condition("True", DONE)
    assert len(world.vault().values) == 100


async def test_a_source_that_changes_while_it_is_pushed_is_pushed_again(world: Cluster) -> None:
    gate = world.vault().gate = asyncio.Event()
    await world.secret(a="1")
    async with world.operator():
        await world.push({"data": [data("a", "r")]})
        await eventually(lambda: world.vault().waiting == 1)
        await world.set_secret(a="2")
        await asyncio.sleep(0.05)
        gate.set()
        await eventually(lambda: world.vault().values == {"r": b"2"})


async def test_a_store_that_hangs_does_not_slow_another(world: Cluster) -> None:
    await world.store("slow")
    world.vault("slow").gate = asyncio.Event()
    await world.secret(a="1")
    async with world.operator(concurrent=4):
        for number in range(12):
            refs = [{"name": "slow", "kind": "SecretStore"}]
            await world.push({"secretStoreRefs": refs, "data": [data("a", f"r{number}")]}, name=f"slow{number}")
        for number in range(4):
            await world.push({"data": [data("a", f"r{number}")]}, name=f"quick{number}")
        await eventually(lambda: len(world.vault().values) == 4)
        assert not world.vault("slow").values
        world.vault("slow").gate.set()
        await eventually(lambda: len(world.vault("slow").values) == 12)
