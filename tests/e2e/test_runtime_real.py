"""Leader election, sharding, events, finalizers and webhooks against the real kube-apiserver."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from reconcile.api.admissionregistration_v1 import ValidatingWebhookConfiguration
from reconcile.api.coordination_v1 import Lease
from reconcile.api.core_v1 import ConfigMap, Event
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.request import Request
from reconcile.client import Client, MergePatch, load_config
from reconcile.controller import Controller
from reconcile.errors import APIError, LeaderLostError
from reconcile.finalizers import add_finalizer, remove_finalizer
from reconcile.leaderelection import LeaderElection, LeaderElector
from reconcile.manager import Manager
from reconcile.sharding import Sharding
from reconcile.webhook import (
    Admission,
    CertificateBundle,
    CertificateRotator,
    DeniedError,
    Policy,
    ServingCertificate,
    WebhookServer,
    inject_webhook_ca,
    validating,
)
from tests.support.controlplane import ControlPlane

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]


def _client(plane: ControlPlane) -> Client:
    return Client(load_config(str(plane.kubeconfig)))


class NoFence:
    def feed(self, seconds: float) -> None:
        pass

    def check(self) -> None:
        pass

    def disarm(self) -> None:
        pass


async def test_one_of_three_leads_and_hands_over(control_plane: ControlPlane) -> None:
    async with _client(control_plane) as client:
        electors = [
            LeaderElector(
                client,
                "three",
                "default",
                lease_duration=3,
                renew_deadline=2,
                retry_period=0.3,
                fence=NoFence(),
            )
            for _ in range(3)
        ]
        tasks = [asyncio.create_task(elector.run()) for elector in electors]
        for round_ in range(3):
            async with asyncio.timeout(10):
                while not any(elector.leading.is_set() for elector in electors):  # noqa: ASYNC110 - any of several
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            (leader,) = [number for number, elector in enumerate(electors) if elector.leading.is_set()]
            lease = await client.get(Lease, "three", "default")
            assert lease.spec.holder_identity == electors[leader].identity
            assert lease.spec.lease_transitions == round_
            tasks[leader].cancel()
            with suppress(asyncio.CancelledError):
                await tasks[leader]
            del electors[leader], tasks[leader]


async def test_a_deleted_lease_ends_leadership(control_plane: ControlPlane) -> None:
    async with _client(control_plane) as client:
        elector = LeaderElector(
            client, "gone", "default", lease_duration=3, renew_deadline=2, retry_period=0.3, fence=NoFence()
        )
        task = asyncio.create_task(elector.run())
        await asyncio.wait_for(elector.leading.wait(), 5)
        await client.delete(Lease, "gone", "default")
        with pytest.raises(LeaderLostError):
            await asyncio.wait_for(task, 3)


async def test_managers_share_objects_and_write_events(control_plane: ControlPlane) -> None:
    async with _client(control_plane) as user:
        runs: dict[str, set[str]] = {"a": set(), "b": set()}
        await user.raw("POST", "/api/v1/namespaces", body={"metadata": {"name": "shards"}})
        managers = {}
        for name in runs:
            manager = Manager(
                _client(control_plane),
                namespace="shards",
                sharding=Sharding("group", "default", identity=name, retry_period=0.3),
                handle_signals=False,
                fence=NoFence(),
            )

            def reconciler(name: str, manager: Manager) -> Controller:
                async def note(request: Request) -> None:
                    found = await manager.client.find(ConfigMap, request)
                    if found is not None and request.name.startswith("object"):
                        runs[name].add(request.name)
                        manager.events("sharded").event(found, "Normal", "Seen", "seen")

                return Controller(ConfigMap, note)

            manager.add(reconciler(name, manager))
            managers[name] = manager
        tasks = [asyncio.create_task(manager.run()) for manager in managers.values()]
        await asyncio.sleep(4)
        names = {f"object-{number}" for number in range(20)}
        for name in names:
            await user.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="shards")))
        await asyncio.sleep(2)
        assert runs["a"] | runs["b"] == names
        assert not runs["a"] & runs["b"]
        for manager in managers.values():
            manager.stop()
        await asyncio.gather(*tasks)
        events = (await user.list(Event, "shards")).items
        assert {event.involved_object.name for event in events} == names


async def test_finalizers(control_plane: ControlPlane) -> None:
    async with _client(control_plane) as client:
        stale = await client.create(ConfigMap(metadata=ObjectMeta(name="finalized", namespace="default")))
        await client.patch(ConfigMap, "finalized", "default", MergePatch({"metadata": {"finalizers": ["a.com/other"]}}))
        both = await add_finalizer(client, stale, "a.com/mine")
        assert both.metadata.finalizers == ["a.com/other", "a.com/mine"]
        await client.delete(ConfigMap, "finalized", "default")
        other = await remove_finalizer(client, both, "a.com/mine")
        assert other is not None
        await remove_finalizer(client, other, "a.com/other")
        assert await client.find(ConfigMap, "finalized", "default") is None


async def _validate(admission: Admission[ConfigMap]) -> list[str] | None:
    if "forbidden" in admission.subject.data:
        raise DeniedError("data.forbidden: not here")
    return None


async def test_a_webhook_with_its_own_certificates(control_plane: ControlPlane) -> None:
    async with _client(control_plane) as client:
        serving = ServingCertificate()
        server = WebhookServer({"/validate": validating(ConfigMap, _validate)}, serving, host="127.0.0.1", port=0)
        listening = asyncio.create_task(server.run())
        name = "real.example.com"

        async def publish(bundle: CertificateBundle) -> None:
            with suppress(APIError):
                await inject_webhook_ca(client, ValidatingWebhookConfiguration, name, bundle.ca)

        rotator = CertificateRotator(
            client, "certs", "default", Policy("hooks", ["localhost"]), publish=[publish], serve=[serving.load]
        )
        bundle = await rotator.step()
        await asyncio.wait_for(server.started.wait(), 5)
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [
                {
                    "name": name,
                    "clientConfig": {"url": f"https://localhost:{server.port}/validate"},
                    "rules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE"],
                            "resources": ["configmaps"],
                        }
                    ],
                    "objectSelector": {"matchLabels": {"hooked": "yes"}},
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                    "failurePolicy": "Fail",
                }
            ],
        }
        await client.raw("POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", body=body)
        assert await rotator.step() == bundle
        hooked = ObjectMeta(name="hooked", namespace="default", labels={"hooked": "yes"})
        async with asyncio.timeout(10):
            while True:
                # The API server takes a moment to see a new configuration.
                with pytest.raises(APIError) as caught:
                    await client.create(ConfigMap(metadata=hooked, data={"forbidden": "x"}))
                    await client.delete(ConfigMap, "hooked", "default")
                    raise APIError("let in")
                if "data.forbidden: not here" in str(caught.value):
                    break
                await asyncio.sleep(0.2)
        assert (await client.create(ConfigMap(metadata=hooked))).metadata.uid
        await client.raw("DELETE", f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}")
        listening.cancel()
        await asyncio.wait([listening])


async def test_a_leader_election_manager_reconciles(control_plane: ControlPlane) -> None:
    seen: set[str] = set()

    async def note(request: Request) -> None:
        seen.add(request.name)

    manager = Manager(
        _client(control_plane),
        leader_election=LeaderElection("manager", "default"),
        handle_signals=False,
        fence=NoFence(),
    )
    manager.add(Controller(ConfigMap, note))
    task = asyncio.create_task(manager.run())
    async with _client(control_plane) as user:
        await user.create(ConfigMap(metadata=ObjectMeta(name="led", namespace="default")))
        async with asyncio.timeout(10):
            while "led" not in seen:  # noqa: ASYNC110 - a set has no event
                await asyncio.sleep(0.05)
        manager.stop()
        await task
        lease = await user.get(Lease, "manager", "default")
        assert not lease.spec.holder_identity
        events = [
            event.message
            for event in (await user.list(Event, "default")).items
            if event.reason == "LeaderElection" and event.involved_object.name == "manager"
        ]
        assert sum("became leader" in message for message in events) == 1
