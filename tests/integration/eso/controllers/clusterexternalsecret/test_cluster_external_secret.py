"""Contract: clusterexternalsecret, what only this kind has."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.controllers.clusterexternalsecret.reconciler import FINALIZER
from reconcile.api.core_v1 import Namespace
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, cluster
from tests.support.stamped import CLUSTER_EXTERNAL_SECRET as KIND
from tests.support.stamped import READY


@pytest.fixture
async def world() -> AsyncIterator[Cluster]:
    async with cluster() as found:
        for name in ("one", "two"):
            await found.namespace(name, team="a")
        yield found


async def test_names_that_do_not_exist_contribute_nothing_until_they_do(world: Cluster) -> None:
    async with world.operator():
        await KIND.create(world, namespaces=["one", "later"])
        await KIND.settled(world, provisionedNamespaces=["one"], conditions=READY)
        await world.namespace("later")
        await KIND.settled(world, provisionedNamespaces=["later", "one"])


async def test_the_deprecated_selector_counts_beside_the_others(world: Cluster) -> None:
    await world.namespace("three", team="b")
    async with world.operator():
        await KIND.create(
            world,
            namespaceSelector={"matchLabels": {"team": "b"}},
            namespaceSelectors=[{"matchLabels": {"team": "a"}}],
        )
        await KIND.settled(world, provisionedNamespaces=["one", "three", "two"])


async def test_force_sync_is_handed_down_and_taken_back(world: Cluster) -> None:
    key = "external-secrets.io/force-sync"
    async with world.operator():
        await KIND.create(world)
        await KIND.settled(world, provisionedNamespaces=["one", "two"])
        await world.client.patch(
            ClusterExternalSecret, "shared", "", MergePatch({"metadata": {"annotations": {key: "now"}}})
        )

        async def handed_down() -> bool:
            child = await KIND.child_of(world, "one")
            return child is not None and child["metadata"].get("annotations") == {key: "now"}

        await eventually(handed_down)
        await world.client.patch(
            ClusterExternalSecret, "shared", "", MergePatch({"metadata": {"annotations": {key: None}}})
        )

        async def taken_back() -> bool:
            child = await KIND.child_of(world, "one")
            return child is not None and "annotations" not in child["metadata"]

        await eventually(taken_back)


async def test_a_users_own_force_sync_stays(world: Cluster) -> None:
    key = "external-secrets.io/force-sync"
    async with world.operator():
        await KIND.create(world, externalSecretMetadata={"annotations": {key: "user"}})
        await KIND.settled(world, provisionedNamespaces=["one", "two"])
        child = await KIND.child_of(world, "one")
        assert child is not None
        assert child["metadata"]["annotations"] == {key: "user"}


async def test_the_owner_has_its_finalizer_and_namespaces_have_none(world: Cluster) -> None:
    async with world.operator():
        await KIND.create(world)
        await KIND.settled(world, provisionedNamespaces=["one", "two"])
        assert (await world.client.get(ClusterExternalSecret, "shared")).metadata.finalizers == [FINALIZER]
        assert (await world.client.get(Namespace, "one")).metadata.finalizers == []


@pytest.mark.parametrize("name", ["shared", "long-gone"])
async def test_finalizers_that_were_left_on_namespaces_are_removed(world: Cluster, name: str) -> None:
    finalizers = [f"externalsecrets.external-secrets.io/ces-{name}", "example.com/theirs"]
    await world.client.patch(Namespace, "two", "", MergePatch({"metadata": {"finalizers": finalizers}}))
    async with world.operator():
        await KIND.create(world, namespaces=["one"])
        await KIND.settled(world, provisionedNamespaces=["one"])

        async def removed() -> bool:
            return (await world.client.get(Namespace, "two")).metadata.finalizers == ["example.com/theirs"]

        await eventually(removed)
