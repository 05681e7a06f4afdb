"""Start order, standby, readiness, drain and failure of a manager, on the embedded API server in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reconcile.api.core_v1 import ConfigMap, Event
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.request import Request
from reconcile.client import Client, MergePatch
from reconcile.controller import Controller, Result
from reconcile.errors import LeaderLostError
from reconcile.leaderelection import LeaderElection
from reconcile.manager import Manager
from reconcile.testing.apiserver.server import ApiServer
from reconcile.testing.loop import run


def _manager(server: ApiServer, **options: Any) -> Manager:
    options.setdefault("fence", NoFence())
    return Manager(Client(server.transport), handle_signals=False, blocked_threshold=None, **options)


class NoFence:
    def feed(self, seconds: float) -> None:
        pass

    def check(self) -> None:
        pass

    def disarm(self) -> None:
        pass


@asynccontextmanager
async def _running(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(manager.run())
    started = asyncio.create_task(manager.started.wait())
    await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield task
    finally:
        started.cancel()
        manager.stop()
        if not task.done():
            await task


def _config_map(name: str, data: Mapping[str, str] | None = None, namespace: str = "default") -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=dict(data or {}))


class Copy:
    """Keeps `<name>-copy` equal to every ConfigMap labelled by a data key."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.runs: list[Request] = []

    async def __call__(self, request: Request) -> Result | None:
        self.runs.append(request)
        found = await self.client.find(ConfigMap, request)
        if found is not None and "copy" in found.data:
            copy = _config_map(f"{request.name}-copy", {"value": found.data["copy"]}, request.namespace)
            await self.client.apply(copy, owner=found, field_manager="copier")
        return None


def test_a_controller_repairs_what_it_owns() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            user = Client(server.transport)
            await user.create(_config_map("before", {"copy": "1"}))
            manager = _manager(server)
            copier = Copy(manager.client)
            manager.add(Controller(ConfigMap, copier, owns=[ConfigMap]))
            async with _running(manager):
                await user.create(_config_map("after", {"copy": "2"}))
                await asyncio.sleep(1)
                assert (await user.get(ConfigMap, "before-copy", "default")).data == {"value": "1"}
                assert (await user.get(ConfigMap, "after-copy", "default")).data == {"value": "2"}
                await user.delete(ConfigMap, "after-copy", "default")
                await asyncio.sleep(1)
                await user.patch(ConfigMap, "before-copy", "default", MergePatch({"data": {"value": "x"}}))
                await asyncio.sleep(1)
                assert (await user.get(ConfigMap, "after-copy", "default")).data == {"value": "2"}

    run(main())


def test_readiness_follows_caches_watches_and_queues() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            fault = server.faults.add(lambda request: "configmaps" in request.path, status=503)
            hang = asyncio.Event()

            async def stuck(_: Request) -> None:
                await hang.wait()

            manager = _manager(server, max_queue_age=60)
            manager.add(Controller(ConfigMap, stuck, workers=1, timeout=None))
            task = asyncio.create_task(manager.run())
            await asyncio.sleep(5)
            checks = manager.ready_checks
            assert checks["caches"]() == "not synced: ConfigMap"
            assert not manager.started.is_set()
            server.faults.remove(fault)
            await asyncio.wait_for(manager.started.wait(), 120)
            assert [checks[name]() for name in ("caches", "watches", "queues")] == [None, None, None]
            user = Client(server.transport)
            for name in ("a", "b"):
                await user.create(_config_map(name))
            await asyncio.sleep(61)
            problem = checks["queues"]()
            assert isinstance(problem, str)
            assert problem.startswith("keys wait too long for a worker: configmap (61 s)")
            hang.set()
            await asyncio.sleep(1)
            assert checks["queues"]() is None
            manager.stop()
            await task

    run(main())


def test_a_standby_is_warm_and_does_not_work_until_it_leads() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            election = LeaderElection("lock", "default")
            first, second = _manager(server, leader_election=election), _manager(server, leader_election=election)
            runs: dict[str, list[Request]] = {"first": [], "second": []}
            everywhere: list[Request] = []

            def worker(name: str) -> Any:
                async def note(request: Request) -> None:
                    runs[name].append(request)

                return note

            async def note_everywhere(request: Request) -> None:
                everywhere.append(request)

            first.add(Controller(ConfigMap, worker("first")))
            second.add(Controller(ConfigMap, worker("second")))
            second.add(Controller(ConfigMap, note_everywhere, name="local", needs_leader=False))
            user = Client(server.transport)
            async with _running(first):
                await asyncio.sleep(1)
                async with _running(second):
                    await user.create(_config_map("a"))
                    await asyncio.sleep(30)
                    assert second.ready_checks["caches"]() is None
                    assert second.ready_checks["queues"]() is None
                    assert (len(runs["second"]), len(everywhere) > 0) == (0, True)
                    assert Request("default", "a") in runs["first"]
                    before = asyncio.get_running_loop().time()
                    first.stop()
                    await asyncio.sleep(5)
                    assert Request("default", "a") in runs["second"]
                    assert asyncio.get_running_loop().time() - before <= 5

    run(main())


def test_a_lost_lease_ends_the_manager() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            manager = _manager(server, leader_election=LeaderElection("lock", "default"))
            ended: list[str] = []

            async def slow(request: Request) -> None:
                try:
                    await asyncio.sleep(1000)
                finally:
                    ended.append(request.name)

            manager.add(Controller(ConfigMap, slow))
            async with _running(manager) as task:
                await Client(server.transport).create(_config_map("a"))
                await asyncio.sleep(5)
                server.faults.add(lambda request: "leases" in request.path, hang=True)
                with pytest.raises(LeaderLostError):
                    await task
                assert "a" in ended

    run(main())


def test_drain_lets_reconciles_finish_and_writes_their_events() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            user = Client(server.transport)
            manager = _manager(server, drain_timeout=30)
            recorder = manager.events("tester")

            async def slow(request: Request) -> None:
                found = await manager.client.find(ConfigMap, request)
                await asyncio.sleep(20)
                assert found is not None
                recorder.event(found, "Normal", "Done", "finished during the drain")

            manager.add(Controller(ConfigMap, slow))
            async with _running(manager) as task:
                await user.create(_config_map("a"))
                await asyncio.sleep(1)
                manager.stop()
                start = asyncio.get_running_loop().time()
                await task
                assert 18 < asyncio.get_running_loop().time() - start < 20
            messages = [event.message for event in (await user.list(Event, "default")).items]
            assert messages == ["finished during the drain"]

    run(main())


def test_drain_has_a_deadline() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            manager = _manager(server, drain_timeout=30)
            cancelled: list[str] = []

            async def endless(request: Request) -> None:
                try:
                    await asyncio.sleep(10_000)
                except asyncio.CancelledError:
                    cancelled.append(request.name)
                    raise

            manager.add(Controller(ConfigMap, endless, timeout=None))
            async with _running(manager) as task:
                await Client(server.transport).create(_config_map("a"))
                await asyncio.sleep(1)
                manager.stop()
                start = asyncio.get_running_loop().time()
                await task
                assert asyncio.get_running_loop().time() - start == pytest.approx(30, abs=1)
            assert "a" in cancelled

    run(main())


class Component:
    """A runnable that notes when it starts and ends."""

    def __init__(self, name: str, log: list[str], error: Exception | None = None) -> None:
        self.name, self.log, self.error = name, log, error

    async def run(self) -> None:
        self.log.append(f"+{self.name}")
        try:
            await asyncio.sleep(10)
            if self.error is not None:
                raise self.error
            await asyncio.sleep(10_000)
        finally:
            self.log.append(f"-{self.name}")


def test_parts_start_in_order_and_stop_in_the_reverse() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            log: list[str] = []
            manager = _manager(server, leader_election=LeaderElection("lock", "default"))
            manager.add(Component("leader", log), needs_leader=True)
            manager.add(Component("other", log))
            manager.add(Component("webhook", log), before_caches=True)
            async with _running(manager):
                await asyncio.sleep(5)
            assert log == ["+webhook", "+other", "+leader", "-leader", "-other", "-webhook"]

    run(main())


def test_a_part_that_fails_ends_everything_and_its_error_is_raised() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            log: list[str] = []
            manager = _manager(server)
            manager.add(Component("good", log))
            manager.add(Component("bad", log, OSError("broken")))
            with pytest.raises(OSError, match="broken"):
                await manager.run()
            assert sorted(log) == ["+bad", "+good", "-bad", "-good"]

    run(main())


def test_stop_before_the_caches_are_in_step() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            server.faults.add(lambda request: True, hang=True)
            manager = _manager(server)
            manager.add(Controller(ConfigMap, _nothing))
            task = asyncio.create_task(manager.run())
            await asyncio.sleep(100)
            manager.stop()
            await asyncio.wait_for(task, 5)
            assert not manager.started.is_set()

    run(main())


async def _nothing(_: Request) -> None:
    return None


def test_several_clusters_are_one_controller() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as home, ApiServer(listen=False) as east:
            manager = Manager(
                Client(home.transport),
                clusters={"east": Client(east.transport)},
                handle_signals=False,
                blocked_threshold=None,
            )
            seen: list[Request] = []

            async def note(request: Request) -> None:
                found = await manager.clusters[request.cluster].client.find(ConfigMap, request)
                if found is not None and found.data:
                    seen.append(request)

            manager.add(Controller(ConfigMap, note))
            async with _running(manager):
                await Client(home.transport).create(_config_map("a", {"k": "v"}))
                await Client(east.transport).create(_config_map("b", {"k": "v"}))
                await asyncio.sleep(1)
            assert seen == [Request("default", "a"), Request("default", "b", "east")]

    run(main())


def test_namespaces_limit_what_is_watched() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            user = Client(server.transport)
            manager = _manager(server, namespace=["default", "kube-public"])
            seen: set[str] = set()

            async def note(request: Request) -> None:
                seen.add(request.namespace)

            manager.add(Controller(ConfigMap, note))
            async with _running(manager):
                for namespace in ("default", "kube-public", "kube-system"):
                    await user.create(_config_map("mine", namespace=namespace))
                await asyncio.sleep(1)
            assert seen == {"default", "kube-public"}

    run(main())


def test_two_controllers_of_one_name_are_refused() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            manager = _manager(server)
            manager.add(Controller(ConfigMap, _nothing))
            with pytest.raises(ValueError, match="'configmap'"):
                manager.add(Controller(ConfigMap, _nothing))
            manager.add(Controller(ConfigMap, _nothing, name="other"))

    run(main())


def test_an_address_that_is_none_is_refused_early() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            with pytest.raises(ValueError, match="not a listen address"):
                _manager(server, metrics_address="8080")

    run(main())
