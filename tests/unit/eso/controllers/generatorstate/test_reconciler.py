"""generatorstate.md 2: one pass at a time, against an API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from eso.generators.state import FINALIZER
from reconcile.testing.loop import run
from tests.support.tokenvendor import GENERATORS, Cluster, cluster

RESOURCE = {
    "apiVersion": "generators.external-secrets.io/v1alpha1",
    "kind": "GitlabDeployToken",
    "metadata": {"name": "gen"},
    "spec": {
        "name": "n",
        "scopes": ["read_registry"],
        "projectID": "1",
        "auth": {"token": {"secretRef": {"name": "s"}}},
    },
}


def in_cluster(story: Callable[[Cluster], Awaitable[None]]) -> None:
    async def go() -> None:
        async with cluster() as c:
            await story(c)

    run(go())


async def create(c: Cluster, **spec: Any) -> None:
    body = {
        "apiVersion": RESOURCE["apiVersion"],
        "kind": "GeneratorState",
        "metadata": {"name": "state"},
        "spec": {"resource": RESOURCE, "state": {"tokenID": 7}, **spec},
    }
    await c.create(body, "generatorstates")


async def delete(c: Cluster) -> None:
    await c.client.raw("DELETE", f"{GENERATORS}/generatorstates/state")


def deadline(c: Cluster, seconds: float) -> str:
    moment = c.now().timestamp() + seconds
    return type(c.now()).fromtimestamp(int(moment), c.now().tzinfo).isoformat().replace("+00:00", "Z")


def test_finalizer_is_added_and_a_state_without_deadline_stays() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await create(c)
            await asyncio.sleep(7200)
            (state,) = await c.states()
            assert state.metadata.finalizers == [FINALIZER]
            assert c.vendor.cleanups == []

    in_cluster(story)


def test_deletion_cleans_up_and_removes_the_finalizer() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await create(c)
            await asyncio.sleep(1)
            await delete(c)
            await asyncio.sleep(5)
            assert c.vendor.cleanups == [7]
            assert await c.states() == []

    in_cluster(story)


def test_deadline_that_has_passed_deletes_at_once() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await create(c, garbageCollectionDeadline=deadline(c, -5))
            await asyncio.sleep(5)
            assert c.vendor.cleanups == [7]
            assert await c.states() == []

    in_cluster(story)


def test_deadline_in_the_future_is_waited_for() -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await create(c, garbageCollectionDeadline=deadline(c, 600))
            await asyncio.sleep(590)
            assert c.vendor.cleanups == []
            await asyncio.sleep(20)
            assert c.vendor.cleanups == [7]

    in_cluster(story)


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ({**RESOURCE, "kind": "Nope"}, "could not get generator: generator not found"),
        ({"spec": {}}, "could not get generator: unable to unmarshal resource: it names no kind"),
        ({**RESOURCE, "spec": {}}, "could not cleanup generator state: spec.name: Field required"),
    ],
)
def test_state_that_cannot_be_cleaned_up_blocks_and_is_told(resource: dict[str, Any], text: str) -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await create(c, resource=resource)
            await asyncio.sleep(1)
            await delete(c)
            await asyncio.sleep(10)
            (state,) = await c.states()
            assert state.metadata.finalizers == [FINALIZER]
            events = (await c.client.raw("GET", "/api/v1/namespaces/default/events"))["items"]
            assert text in {event["message"] for event in events if event["reason"] == "CleanupFailed"}

    in_cluster(story)


@pytest.mark.parametrize("kind", ["MFA", "Fake", "BeyondtrustWorkloadCredentialsDynamicSecret"])
def test_state_of_a_kind_that_undoes_nothing_goes_whatever_its_resource(kind: str) -> None:
    async def story(c: Cluster) -> None:
        async with c.operator():
            await create(c, resource={"kind": kind, "spec": {"unknown": 1}}, garbageCollectionDeadline=deadline(c, -5))
            await asyncio.sleep(5)
            assert await c.states() == []

    in_cluster(story)


def test_cleanup_is_tried_until_it_works() -> None:
    async def story(c: Cluster) -> None:
        c.vendor.refuses_cleanup = True
        async with c.operator():
            await create(c, garbageCollectionDeadline=deadline(c, -5))
            await asyncio.sleep(60)
            assert len(await c.states()) == 1
            c.vendor.refuses_cleanup = False
            await asyncio.sleep(600)
            assert c.vendor.cleanups == [7]
            assert await c.states() == []

    in_cluster(story)
