"""Every program under examples/ does what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from examples import podcounts, team, website
from reconcile import Client, Manager, ObjectMeta
from reconcile.api.core_v1 import ConfigMap
from reconcile.schema import custom_resource_definition
from reconcile.testing.apiserver import ApiServer

ROOT = Path(__file__).parents[3]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
META = {"name": "x", "namespace": "default"}


async def test_team_keeps_a_config_map(
    apiserver: ApiServer, manager: Manager, run_manager: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    client = Client(apiserver.transport)
    await client.raw("POST", CRDS, body=custom_resource_definition(team.Team))
    manager.add(team.controller(manager))
    async with run_manager(manager):
        await client.create(team.Team.from_wire({"metadata": META, "spec": {"members": ["ann", "bob"]}}))

        async def members(expected: str) -> bool:
            return (await client.get(ConfigMap, "x", "default")).data == {"members": expected}

        await eventually(lambda: members("ann\nbob"))
        await client.delete(ConfigMap, "x", "default")
        await eventually(lambda: members("ann\nbob"))


def pod(name: str, label: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": {podcounts.LABEL: label}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


async def test_a_pod_that_moves_wakes_both_teams(
    apiserver: ApiServer, manager: Manager, run_manager: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    client = Client(apiserver.transport)
    await client.raw("POST", CRDS, body=custom_resource_definition(podcounts.Team))
    manager.add(podcounts.controller(manager))
    async with run_manager(manager):
        for name in ("a", "b"):
            await client.create(podcounts.Team(metadata=ObjectMeta(name=name, namespace="default")))
        await client.raw("POST", "/api/v1/namespaces/default/pods", body=pod("p", "a"))

        async def counts(a: int, b: int) -> bool:
            found = [(await client.get(podcounts.Team, name, "default")).status.pods for name in ("a", "b")]
            return found == [a, b]

        await eventually(lambda: counts(1, 0))
        moved = {"metadata": {"labels": {podcounts.LABEL: "b"}}}
        path = "/api/v1/namespaces/default/pods/p"
        await client.raw("PATCH", path, body=moved, content_type="application/merge-patch+json")
        await eventually(lambda: counts(0, 1))


async def test_website(
    apiserver: ApiServer, manager: Manager, run_manager: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    client = Client(apiserver.transport)
    await client.raw("POST", CRDS, body=website.definition())
    manager.add(website.controller(manager))

    async def reason() -> str:
        found = (await client.get(website.Website, "x", "default")).status.conditions
        return found[0].reason if found else ""

    async with run_manager(manager):
        body = {"metadata": META, "spec": {"image": "nginx:1.27", "replicas": 2}}
        await client.create(website.Website.from_wire(body))
        await eventually(lambda: _is(reason(), "Deployed"))
        deployed = await client.get(website.Deployment, "x", "default")
        assert deployed.metadata.controller is not None
        patch = {"spec": {"image": "untagged"}}
        path = "/apis/example.com/v1/namespaces/default/websites/x"
        await client.raw("PATCH", path, body=patch, content_type="application/merge-patch+json")
        await eventually(lambda: _is(reason(), "Invalid"))
        await client.delete(website.Website, "x", "default")

        async def gone() -> bool:
            site = await client.find(website.Website, "x", "default")
            return site is None and await client.find(website.Deployment, "x", "default") is None

        await eventually(gone)


async def _is(found: Any, expected: str) -> bool:
    return await found == expected


@pytest.mark.parametrize(("image", "allowed"), [("nginx:1.27", True), ("nginx", False)])
async def test_the_webhook_of_the_website(image: str, allowed: bool) -> None:
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u",
            "kind": {"group": "example.com", "version": "v1", "kind": "Website"},
            "resource": {"group": "example.com", "version": "v1", "resource": "websites"},
            "operation": "CREATE",
            "object": {"metadata": META, "spec": {"image": image}},
            "userInfo": {},
        },
    }
    path, webhook = next(iter(website.WEBHOOKS.items()))
    answer = msgspec.json.decode(await webhook.handle(path, msgspec.json.encode(review), None))
    assert answer["response"]["allowed"] is allowed


async def test_leader_takes_over(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    async with ApiServer() as server:
        kubeconfig = tmp_path / "kubeconfig"
        server.write_kubeconfig(str(kubeconfig))
        client = Client(server.transport)
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

        async def start() -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "examples.leader", env=environment, stdout=asyncio.subprocess.PIPE
            )

        async def says(process: asyncio.subprocess.Process, name: str) -> None:
            assert process.stdout is not None
            async with asyncio.timeout(20):
                while name not in (await process.stdout.readline()).decode():
                    pass

        await client.create(ConfigMap(metadata=ObjectMeta(name="first", namespace="default")))
        leader = await start()
        await says(leader, "first")
        standby = await start()
        leader.send_signal(signal.SIGKILL)
        await leader.wait()
        await says(standby, "first")
        standby.terminate()
        assert await standby.wait() == 0
