"""A PushSecret with a generator as its source: new values when they are due, the same ones when they are not, none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.errors import AccessDeniedError, EsoError, ProviderError, ThrottledError, UnavailableError
from eso.generators.registry import GeneratorRegistry
from eso.generators.state import FINALIZER, LABEL_OWNER_KEY, owner_key
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, cluster
from tests.support.pushes import DONE, KEPT, gone, placed
from tests.support.tokenvendor import TokenGenerator, Vendor

GENERATORS = "/apis/generators.external-secrets.io/v1alpha1/namespaces/default"
SOURCE = {"generatorRef": {"kind": "GitlabDeployToken", "name": "made"}}
TOKEN = {
    "name": "n",
    "scopes": ["read_registry"],
    "projectID": "1",
    "auth": {"token": {"secretRef": {"name": "s", "key": "k"}}},
}
BOTH = [{"name": "store"}, {"name": "other"}]


class World:
    """A cluster with a vendor of tokens and the stores `store` and `other`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.vendor = Vendor()
        cluster.generators = GeneratorRegistry(instances={"GitlabDeployToken": TokenGenerator(self.vendor)})

    async def push(self, name: str = "push", **spec: Any) -> None:
        await self.cluster.push({"selector": SOURCE, "data": [entry(f"{name}-r")], **spec}, name)

    def at(self, store: str = "store", place: str = "push-r") -> str:
        return self.cluster.vault(store).values.get(place, b"").decode()

    async def states(self) -> list[GeneratorState]:
        return (await self.cluster.client.list(GeneratorState, "default")).items

    async def live(self) -> list[int]:
        return sorted(
            state.spec.state["tokenID"]
            for state in await self.states()
            if state.spec.garbage_collection_deadline is None and not state.metadata.deleting
        )

    async def passes(self, number: int) -> None:
        begun = self.cluster.passes("pushsecret")
        await eventually(lambda: self.cluster.passes("pushsecret") >= begun + number)

    async def touch(self, name: str = "push", value: str = "now") -> None:
        patch = MergePatch({"metadata": {"annotations": {"touched": value}}})
        await self.cluster.client.patch(PushSecret, name, "default", patch)


def entry(remote: str) -> dict[str, Any]:
    return {"match": {"secretKey": "token", "remoteRef": {"remoteKey": remote}}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with cluster() as found:
        for name in ("store", "other"):
            await found.store(name)
        body = {
            "apiVersion": "generators.external-secrets.io/v1alpha1",
            "kind": "GitlabDeployToken",
            "metadata": {"name": "made", "namespace": "default"},
            "spec": TOKEN,
        }
        await found.client.raw("POST", f"{GENERATORS}/gitlabdeploytokens", body=body)
        yield World(found)


async def holds(check: Callable[[], bool]) -> None:
    await eventually(check)


async def test_the_state_has_the_key_of_push_secrets_and_goes_with_its_owner(world: World) -> None:
    async with world.cluster.operator():
        await world.push()
        push = await world.cluster.condition("True", DONE)
        (state,) = await world.states()
        assert state.name.startswith("gen-pushsecret-push-")
        assert state.metadata.labels == {LABEL_OWNER_KEY: owner_key(push, "__pushsecret")}
        assert state.metadata.finalizers == [FINALIZER]
        (owner,) = state.metadata.owner_references
        assert (owner.kind, owner.name, owner.uid, owner.controller) == ("PushSecret", "push", push.metadata.uid, None)
        await world.cluster.client.delete(PushSecret, "push", "default")
        await holds(lambda: world.vendor.tokens == set())


async def test_a_refresh_rotates_and_revokes_what_it_supersedes(world: World) -> None:
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push(refreshInterval="50ms")
        await holds(lambda: world.vendor.made >= 4)
        await world.cluster.edit(PushSecret, "push", "default", refreshInterval="1h")
        await holds(lambda: world.vendor.tokens == {world.vendor.made})
        assert world.at() == f"token-{world.vendor.made}"
        assert await world.live() == [world.vendor.made]


async def test_interval_zero_makes_one_value_whatever_else_happens(world: World) -> None:
    for _ in range(3):
        async with world.cluster.operator():
            if not world.vendor.made:
                await world.push(refreshInterval="0")
            await world.cluster.condition("True", DONE)
            await asyncio.sleep(0.05)
    assert (world.vendor.made, world.at()) == (1, "token-1")


async def test_a_restart_makes_no_new_value(world: World) -> None:
    async with world.cluster.operator():
        await world.push()
        await world.cluster.condition("True", DONE)
    async with world.cluster.operator():
        await world.push("witness")
        await world.cluster.condition("True", DONE, name="witness")
    assert (world.at(), world.vendor.made) == ("token-1", 2)


@pytest.mark.parametrize(
    "refusal",
    [
        AccessDeniedError("denied"),
        ThrottledError("too many requests"),
        ProviderError("set by somebody else"),
        UnavailableError("no answer"),
    ],
    ids=lambda err: type(err).__name__,
)
async def test_a_store_that_refuses_costs_one_value_and_revokes_none_that_is_in_use(
    world: World, refusal: EsoError
) -> None:
    world.cluster.vault("other").refuse["*"] = refusal
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push(secretStoreRefs=BOTH)
        await holds(lambda: world.at() == "token-1")
        for turn in range(4):
            await world.touch(value=str(turn))
            await world.passes(1)
        assert (world.vendor.made, world.vendor.tokens, world.at()) == (1, {1}, "token-1")
        assert world.cluster.vault().writes == ["push-r"]
        world.cluster.vault("other").refuse.clear()
        await world.touch()
        await world.cluster.condition("True", DONE)
        assert (world.at(), world.at("other")) == ("token-1", "token-1")
        assert await world.live() == [1]


async def test_what_a_failing_store_still_holds_is_not_revoked_by_a_new_value(world: World) -> None:
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push(secretStoreRefs=BOTH)
        await world.cluster.condition("True", DONE)
        world.cluster.vault("other").refuse["*"] = AccessDeniedError("denied")
        await world.touch()
        await holds(lambda: world.at() == "token-2")
        await world.passes(1)
        assert world.at("other") == "token-1"
        assert world.vendor.tokens == {1, 2}
        world.cluster.vault("other").refuse.clear()
        await world.touch(value="again")
        await holds(lambda: world.at("other") == "token-2")
        await holds(lambda: world.vendor.tokens == {2})


async def test_a_held_value_gives_way_when_the_generator_is_edited(world: World) -> None:
    world.cluster.vault("other").refuse["*"] = AccessDeniedError("denied")
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push(secretStoreRefs=BOTH)
        await holds(lambda: world.at() == "token-1")
        await world.cluster.client.raw(
            "PATCH",
            f"{GENERATORS}/gitlabdeploytokens/made",
            body={"spec": {"name": "other"}},
            content_type="application/merge-patch+json",
        )
        await world.touch()
        await holds(lambda: world.at() == "token-2")
        world.cluster.vault("other").refuse.clear()
        await world.touch(value="again")
        await holds(lambda: world.at("other") == "token-2")
        await holds(lambda: world.vendor.tokens == {2})


async def test_nothing_written_anywhere_leaves_no_value(world: World) -> None:
    world.cluster.vault().refuse["*"] = AccessDeniedError("denied")
    async with world.cluster.operator():
        await world.push()
        text = "set secret failed: could not write remote ref token to target secretstore store: denied"
        await world.cluster.condition("False", text)
        await holds(lambda: world.vendor.tokens == set())
        assert await world.live() == []


async def test_if_not_exists_makes_no_value_where_every_place_has_one(world: World) -> None:
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push(updatePolicy="IfNotExists", refreshInterval="50ms")
        await world.passes(5)
        await world.cluster.edit(PushSecret, "push", "default", refreshInterval="1h")
        await world.cluster.condition("True", KEPT)
        assert (world.vendor.made, world.vendor.tokens, world.at()) == (1, {1}, "token-1")
        assert await world.live() == [1]
        await world.cluster.edit(PushSecret, "push", "default", data=[entry("push-r"), entry("second")])
        # Two places, two values: both are good.
        await holds(lambda: (world.at(), world.at(place="second")) == ("token-1", "token-2"))
        assert (world.vendor.made, world.vendor.tokens) == (2, {1, 2})
        assert await world.live() == [1, 2]


async def test_if_not_exists_takes_what_somebody_else_has_put_everywhere(world: World) -> None:
    for store in ("store", "other"):
        world.cluster.vault(store).values["push-r"] = b"theirs"
    async with world.cluster.operator():
        await world.push(updatePolicy="IfNotExists", deletionPolicy="Delete", secretStoreRefs=BOTH)
        push = await world.cluster.condition("True", KEPT)
        assert placed(push) == {"SecretStore/store": ["push-r"], "SecretStore/other": ["push-r"]}
        await world.cluster.client.delete(PushSecret, "push", "default")
        await gone(world.cluster)
    assert (world.vendor.made, world.at(), world.at("other")) == (0, "theirs", "theirs")


async def test_if_not_exists_makes_no_value_while_it_cannot_be_told_whether_one_is_needed(world: World) -> None:
    world.cluster.vault().refuse_exists = ProviderError("boom")
    async with world.cluster.operator():
        await world.push(updatePolicy="IfNotExists")
        text = "set secret failed: could not verify if secret exists in store: boom"
        await world.cluster.condition("False", text)
        assert world.vendor.made == 0
        world.cluster.vault().refuse_exists = None
        await world.touch()
        await world.cluster.condition("True", KEPT)
    assert (world.vendor.tokens, world.at()) == ({1}, "token-1")


async def test_if_not_exists_with_data_to_undoes_the_value_that_nobody_takes(world: World) -> None:
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push(updatePolicy="IfNotExists", data=None, dataTo=[{"storeRef": {"name": "store"}}])
        await world.cluster.condition("True", KEPT)
        await world.touch()
        # Which places there are is known when the value is.
        await holds(lambda: world.vendor.made == 2)
        await holds(lambda: world.vendor.tokens == {1})
        assert world.at(place="token") == "token-1"


async def test_a_generator_that_gives_way_to_a_secret_is_retired(world: World) -> None:
    await world.cluster.secret(token="plain")
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.push()
        await world.cluster.condition("True", DONE)
        changed = {"generatorRef": None, "secret": {"name": "source"}}
        await world.cluster.edit(PushSecret, "push", "default", selector=changed)
        await holds(lambda: world.at() == "plain")
        await holds(lambda: world.vendor.tokens == set())


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_operator_killed_around_the_write_leaves_one_good_value(world: World, moment: str) -> None:
    vault = world.cluster.vault()
    if moment == "before":
        vault.gate = asyncio.Event()
    else:
        vault.slow = 0.2
    await world.push(deletionPolicy="Delete")
    running = asyncio.create_task(world.cluster.until_killed(generator_gc_grace_period=0.0))
    await holds(lambda: vault.waiting == 1 if moment == "before" else bool(vault.writes))
    running.cancel()
    await asyncio.wait([running])
    # What may be at the provider is not revoked.
    assert world.vendor.tokens == {1}
    vault.gate, vault.slow = None, 0.0
    async with world.cluster.operator(generator_gc_grace_period=0.0):
        await world.cluster.condition("True", DONE)
        number = int(world.at().removeprefix("token-"))
        await holds(lambda: world.vendor.tokens == {number})
        await world.cluster.client.delete(PushSecret, "push", "default")
        await holds(lambda: not world.vendor.tokens and not vault.values)


@pytest.mark.parametrize(
    ("kind", "generator", "detail"),
    [
        ("ClusterGenerator", {"uuidSpec": {}}, "invalid ClusterGenerator: when kind is Fake, FakeSpec must be set"),
        ("GitlabDeployToken", None, "not found"),
    ],
)
async def test_a_reference_that_can_never_work_is_not_tried_again(
    world: World, caplog: pytest.LogCaptureFixture, kind: str, generator: dict[str, Any] | None, detail: str
) -> None:
    if generator is not None:
        body = {
            "apiVersion": "generators.external-secrets.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": "broken"},
            "spec": {"kind": "Fake", "generator": generator},
        }
        path = GENERATORS.removesuffix("/namespaces/default")
        await world.cluster.client.raw("POST", f"{path}/clustergenerators", body=body)
    async with world.cluster.operator():
        await world.push(selector={"generatorRef": {"kind": kind, "name": "broken"}})
        await world.cluster.condition("False", "could not get source secret")
        name = "controller_runtime_terminal_reconcile_errors_total"
        await eventually(lambda: detail in caplog.text)
        counted = world.cluster.registry.get_sample_value(name, {"controller": "pushsecret"}) or 0.0
        assert (counted > 0) is (generator is not None)
    assert f"generator ref {kind}/broken: unable to resolve generator: unable to get generator: " in caplog.text
