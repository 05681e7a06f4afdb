"""Many namespaces: each gets its object by one request, and a pass in which nothing changed makes none."""

from __future__ import annotations

import asyncio
import os

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, cluster
from tests.support.stamped import CLUSTER_EXTERNAL_SECRET

NAMESPACES = int(os.environ.get("ESO_NAMESPACES", "200"))
"""How many; 2,000 take half a minute and more."""

WRITES = ("POST", "PUT", "PATCH", "DELETE")


def about_children(world: Cluster) -> list[str]:
    return [one for one in world.counted.seen if "/namespaces/n-" in one and "/events" not in one]


async def test_many_namespaces_cost_one_request_each_and_then_none() -> None:
    kind = CLUSTER_EXTERNAL_SECRET
    async with cluster() as world:
        for start in range(0, NAMESPACES, 100):
            await asyncio.gather(*(world.namespace(f"n-{number:04}", team="a") for number in range(start, start + 100)))
        # The ExternalSecrets themselves are not what this is about: their store is one of another operator.
        await world.store("shared", "", controller="other")
        ref = {"secretStoreRef": {"name": "shared", "kind": "ClusterSecretStore"}}
        async with world.operator():
            begun = asyncio.get_running_loop().time()
            await kind.create(world, externalSecretSpec={**kind.spec, **ref})

            async def all_there() -> bool:
                return len((await kind.status(world)).get("provisionedNamespaces") or ()) == NAMESPACES

            await eventually(all_there, timeout=120)
            print(f"{NAMESPACES} namespaces in {asyncio.get_running_loop().time() - begun:.1f} s")
            made = [one for one in about_children(world) if one.startswith("POST") and "externalsecrets" in one]
            assert len(made) == NAMESPACES
            world.counted.seen.clear()
            before = world.passes("clusterexternalsecret")
            patch = MergePatch({"metadata": {"labels": {"look": "again"}}})
            await world.client.patch(ClusterExternalSecret, "shared", "", patch)
            await eventually(lambda: world.passes("clusterexternalsecret") > before, timeout=60)
            asked = [one for one in about_children(world) if "/externalsecrets/" in one and "/status" not in one]
            assert [one for one in asked if one.startswith(WRITES)] == []
            assert asked == []
