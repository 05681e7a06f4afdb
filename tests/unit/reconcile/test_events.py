from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from reconcile.api.core_v1 import ConfigMap, Event
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client
from reconcile.events import EventRecorder
from reconcile.metrics import EventMetrics
from reconcile.testing.apiserver.server import ApiServer
from reconcile.testing.loop import run
from tests.unit.reconcile.controllers import Team

SUBJECT = Team(metadata=ObjectMeta(name="a", namespace="default", uid="uid-a", resource_version="7"))


class Setup:
    def __init__(self, server: ApiServer, **options: Any) -> None:
        self.client = Client(server.transport)
        self.registry = CollectorRegistry()
        self.recorder = EventRecorder(
            self.client,
            "teams",
            metrics=EventMetrics(self.registry),
            clock=asyncio.get_running_loop().time,
            **options,
        )

    async def events(self, namespace: str = "default") -> list[Event]:
        return (await self.client.list(Event, namespace)).items

    def dropped(self, type_: str, why: str) -> float:
        labels = {"type": type_, "why": why}
        return self.registry.get_sample_value("reconcile_events_dropped_total", labels) or 0.0


@asynccontextmanager
async def _setup(server: ApiServer, **options: Any) -> AsyncIterator[Setup]:
    setup = Setup(server, **options)
    task = asyncio.create_task(setup.recorder.run())
    await asyncio.sleep(0)
    try:
        yield setup
    finally:
        setup.recorder.close()
        await task


def test_an_event_names_object_source_and_time() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            setup.recorder.event(SUBJECT, "Normal", "Synced", "all is well")
            await asyncio.sleep(1)
            (event,) = await setup.events()
            assert event.involved_object.to_wire() == {
                "apiVersion": "example.com/v1",
                "kind": "Team",
                "namespace": "default",
                "name": "a",
                "uid": "uid-a",
                "resourceVersion": "7",
                "fieldPath": "",
            }
            assert (event.type, event.reason, event.message, event.count) == ("Normal", "Synced", "all is well", 1)
            assert event.source.component == event.reporting_component == "teams"
            assert event.first_timestamp is not None
            assert event.name.startswith("a.")

    run(main())


def test_the_same_event_is_counted_not_repeated() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            for _ in range(3):
                setup.recorder.event(SUBJECT, "Warning", "Failed", "no")
                await asyncio.sleep(1)
            for _ in range(5):
                setup.recorder.event(SUBJECT, "Warning", "Failed", "no")
            setup.recorder.event(SUBJECT, "Warning", "Failed", "another message")
            await asyncio.sleep(1)
            assert sorted((event.message, event.count) for event in await setup.events()) == [
                ("another message", 1),
                ("no", 8),
            ]

    run(main())


def test_an_event_the_server_has_forgotten_begins_anew() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            setup.recorder.event(SUBJECT, "Normal", "Synced", "ok")
            await asyncio.sleep(1)
            (event,) = await setup.events()
            await setup.client.delete(event)
            setup.recorder.event(SUBJECT, "Normal", "Synced", "ok")
            await asyncio.sleep(1)
            assert [event.count for event in await setup.events()] == [1]

    run(main())


def test_many_messages_of_one_reason_are_combined() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            for number in range(30):
                setup.recorder.event(SUBJECT, "Warning", "Failed", f"message {number}")
                await asyncio.sleep(1)
            events = await setup.events()
            assert len(events) == 11
            (combined,) = [event for event in events if event.message.startswith("(combined from similar events): ")]
            assert (combined.message, combined.count) == ("(combined from similar events): message 29", 20)

    run(main())


def test_normal_events_share_a_budget_and_warnings_have_their_own() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            teams = [
                SUBJECT.model_copy(
                    update={"metadata": ObjectMeta(name=f"t{number}", namespace="default", uid=str(number))}
                )
                for number in range(60)
            ]
            for team in teams:
                setup.recorder.event(team, "Normal", "Synced", "ok")
                setup.recorder.event(team, "Warning", "Failed", "no")
            await asyncio.sleep(5)
            events = await setup.events()
            assert [sum(event.type == type_ for event in events) for type_ in ("Normal", "Warning")] == [50, 60]
            assert setup.dropped("Normal", "budget") == 10
            setup.recorder.event(teams[-1], "Normal", "Synced", "ok")
            await asyncio.sleep(1)
            assert len(await setup.events()) == 111

    run(main())


def test_saying_something_never_waits_and_the_queue_is_bounded() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            server.faults.add(lambda request: "events" in request.path, hang=True)
            setup = Setup(server, max_pending=20)
            task = asyncio.create_task(setup.recorder.run())
            for number in range(100):
                obj = SUBJECT.model_copy(update={"metadata": ObjectMeta(name=f"t{number}", namespace="default")})
                setup.recorder.event(obj, "Warning", "Failed", "no")
            assert setup.dropped("Warning", "queue full") == 80
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    run(main())


def test_an_unreachable_server_is_tried_again_and_given_up_at_last() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            fault = server.faults.add(lambda request: "events" in request.path, reset=True)
            setup.recorder.event(SUBJECT, "Warning", "Failed", "first")
            await asyncio.sleep(0.5)
            server.faults.remove(fault)
            await asyncio.sleep(60)
            assert [event.message for event in await setup.events()] == ["first"]
            server.faults.add(lambda request: "events" in request.path, reset=True)
            setup.recorder.event(SUBJECT, "Warning", "Failed", "second")
            await asyncio.sleep(300)
            assert setup.dropped("Warning", "unreachable") == 1

    run(main())


def test_a_refused_event_is_dropped_and_counted() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            server.faults.add(lambda request: "events" in request.path, status=403)
            setup.recorder.event(SUBJECT, "Warning", "Failed", "no")
            await asyncio.sleep(1)
            assert setup.dropped("Warning", "refused") == 1

    run(main())


class Breaking:
    """A transport whose first write fails as nothing should."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.host = inner.host
        self.broken = 0

    async def request(self, method: str, path: str, **more: Any) -> Any:
        if method == "POST" and not self.broken:
            self.broken += 1
            raise RuntimeError("a bug somewhere")
        return await self._inner.request(method, path, **more)

    async def close(self) -> None:
        await self._inner.close()


def test_an_error_nobody_expects_costs_one_event_and_nothing_else() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            transport = Breaking(server.transport)
            recorder = EventRecorder(Client(transport), "teams", metrics=EventMetrics(CollectorRegistry()))  # type: ignore[arg-type]
            task = asyncio.create_task(recorder.run())
            for reason in ("First", "Second"):
                recorder.event(SUBJECT, "Normal", reason, "all is well")
                await asyncio.sleep(1)
            assert transport.broken == 1
            assert [event.reason for event in await setup.events()] == ["Second"]
            recorder.close()
            await task

    run(main())


def test_close_writes_what_is_pending_and_takes_no_more() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            setup = Setup(server)
            setup.recorder.event(SUBJECT, "Normal", "Early", "said before anything runs")
            task = asyncio.create_task(setup.recorder.run())
            setup.recorder.close()
            setup.recorder.event(SUBJECT, "Normal", "Late", "said after close")
            await task
            assert [event.reason for event in await setup.events()] == ["Early"]
            assert setup.dropped("Normal", "closed") == 1

    run(main())


def test_events_of_cluster_scoped_objects_are_in_default_and_long_messages_are_cut() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _setup(server) as setup:
            cluster_wide = ConfigMap(metadata=ObjectMeta(name="c" * 253, uid="1"))
            setup.recorder.event(cluster_wide, "Normal", "Long", "ä" * 2000)
            await asyncio.sleep(1)
            (event,) = await setup.events()
            assert len(event.message.encode()) <= 1024
            assert event.message.endswith("ä...")
            assert len(event.name) <= 253

    run(main())


def test_only_the_two_types_are_taken() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            with pytest.raises(ValueError, match="Normal or Warning"):
                Setup(server).recorder.event(SUBJECT, "Error", "x", "y")

    run(main())
