from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from reconcile.api.core_v1 import ConfigMap
from reconcile.cache import Informer
from reconcile.client import Client
from reconcile.client.retry import RetryPolicy
from reconcile.metrics import CacheMetrics
from reconcile.testing.loop import run
from tests.support.transport import SimulatedCollection


@asynccontextmanager
async def running(
    server: SimulatedCollection, **options: object
) -> AsyncIterator[tuple[Informer[ConfigMap], list[str]]]:
    informer = Informer(ConfigMap, Client(server, retry=RetryPolicy(attempts=1)), namespace="ns", **options)  # type: ignore[arg-type]
    events: list[str] = []
    informer.add_handler(lambda event: events.append(f"{event.type} {event.name}"))
    task = asyncio.create_task(informer.run())
    try:
        yield informer, events
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def server_with(*names: str, faults: Iterable[str] = (), streaming: str = "yes") -> SimulatedCollection:
    server = SimulatedCollection(faults=iter(faults), streaming=streaming)
    for name in names:
        server.put(name, "v")
    return server


@pytest.mark.parametrize("streaming", ["yes", "refused", "ignored"])
def test_lists_and_follows(streaming: str) -> None:
    async def story() -> None:
        server = server_with("a", "b", streaming=streaming)
        async with running(server) as (informer, events):
            await asyncio.sleep(60)
            server.put("a", "changed")
            server.delete("b")
            server.put("c", "new")
            await asyncio.sleep(1)
            assert events == ["added a", "added b", "updated a", "deleted b", "added c"]
            found = informer.get("a", "ns")
            assert found is not None
            assert found.data == {"value": "changed"}
        assert server.lists == (0 if streaming == "yes" else 1)

    run(story())


def test_pages_are_followed() -> None:
    async def story() -> None:
        server = server_with(*(f"n{i:04}" for i in range(1201)), streaming="refused")
        async with running(server) as (informer, _):
            await informer.synced.wait()
            assert len(informer) == 1201
        assert server.lists == 3

    run(story())


def test_a_quiet_watch_stays_open_on_bookmarks_and_is_renewed_without_a_list() -> None:
    async def story() -> None:
        server = server_with("a")
        async with running(server) as (informer, events):
            await asyncio.sleep(6 * 3600)
            assert events == ["added a"]
            assert informer.last_event_age <= 61
            # Renewed by its own timeout of 5 to 10 minutes, no more often.
            assert 36 <= server.watches <= 73
        assert server.lists == 0

    run(story())


@pytest.mark.parametrize(
    ("fault", "within"),
    [
        # Half-open connections are noticed by the idle timeout of 150 s, everything else at once.
        ("stall:1", 155),
        ("cut:2", 5),
        ("half:2", 5),
        ("garble:2", 5),
        ("end:2", 5),
        ("429", 5),
        ("500", 5),
        ("503", 5),
        ("reset", 5),
        ("error:410", 5),
        ("error:429", 5),
        ("error:500", 5),
    ],
)
def test_recovers_from(fault: str, within: float) -> None:
    async def story() -> None:
        server = server_with("a", faults=["", fault])
        async with running(server) as (informer, events):
            await informer.synced.wait()
            server.streaming = "yes"
            # The first watch is healthy; end it, so that the next one meets the fault.
            await asyncio.sleep(601)
            server.put("a", "while broken")
            server.put("b", "while broken")
            await asyncio.sleep(within)
            assert sorted(events) == ["added a", "added b", "updated a"]

    run(story())


def test_gone_lists_again_and_tells_deletions_with_the_last_state() -> None:
    async def story() -> None:
        server = server_with("a", "b", faults=["end:3"])
        informer = Informer(ConfigMap, Client(server, retry=RetryPolicy(attempts=1)), namespace="ns")
        deleted: list[ConfigMap | None] = []
        informer.add_handler(lambda event: deleted.append(event.old) if event.type == "deleted" else None)
        task = asyncio.create_task(informer.run())
        await informer.synced.wait()
        server.delete("b")
        server.compact()
        await asyncio.sleep(5)
        assert [obj.data for obj in deleted if obj is not None] == [{"value": "v"}]
        assert [obj.name for obj in informer.list()] == ["a"]
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(story())


def test_a_kind_that_does_not_exist_yet_is_found_when_it_appears() -> None:
    async def story() -> None:
        server = server_with()
        server.served = False
        async with running(server) as (informer, events):
            await asyncio.sleep(3600)
            assert not informer.available
            assert not informer.synced.is_set()
            assert informer.alive
            server.served = True
            server.put("a", "v")
            await asyncio.sleep(31)
            assert informer.available
            assert events == ["added a"]

    run(story())


def test_an_optional_kind_that_does_not_exist_counts_as_synced() -> None:
    async def story() -> None:
        server = server_with()
        server.served = False
        async with running(server, optional=True) as (informer, _):
            async with asyncio.timeout(5):
                await informer.synced.wait()
            assert informer.complete

    run(story())


def test_a_restored_backup_turns_the_clock_back_and_the_copy_with_it() -> None:
    async def story() -> None:
        server = server_with("a", "b", "c")
        async with running(server) as (informer, events):
            await asyncio.sleep(1)
            server.put("d", "lost in the restore")
            await asyncio.sleep(1)
            del server.objects["d"]
            server.put("a", "older content")
            server.restore(50)
            await asyncio.sleep(700)
            found = informer.get("a", "ns")
            assert found is not None
            assert found.metadata.resource_version == "50"
            assert sorted(obj.name for obj in informer.list()) == ["a", "b", "c"]
            assert "deleted d" in events

    run(story())


def test_backoff_grows_to_thirty_seconds_and_retry_after_is_kept() -> None:
    async def story() -> None:
        server = server_with("a", faults=["503"] * 200)
        async with running(server) as (informer, events):
            await asyncio.sleep(600)
            # 0.8 s doubling to 30 s, halved at most by jitter: between 25 and 45 tries in ten minutes.
            assert 22 <= server.watches <= 45
            assert informer.alive
            assert informer.last_error is not None
            server.faults = iter(())
            await asyncio.sleep(31)
            assert events == ["added a"]
            assert informer.last_error is None

    run(story())


def test_gone_after_an_outage_lists_without_waiting_once_more() -> None:
    async def story() -> None:
        server = server_with("a", faults=["end:9", "reset", "reset", "reset", "reset", "410"])
        async with running(server) as (informer, events):
            await informer.synced.wait()
            await asyncio.sleep(900)
            waits = [after - before for before, after in pairwise(server.watched_at)]
            # Four resets are waited out ever longer; the 410 after them is answered with a list at once.
            assert min(waits[1:5]) > 0.3
            assert waits[5] < 0.1
            assert events == ["added a"]

    run(story())


def test_a_handler_that_raises_stops_nobody() -> None:
    async def story() -> None:
        registry = CollectorRegistry()
        server = server_with("a")
        async with running(server, metrics=CacheMetrics(registry)) as (informer, events):

            def broken(event: object) -> None:
                raise RuntimeError("a bug of somebody else")

            informer.add_handler(broken)
            await informer.synced.wait()
            server.put("b", "v")
            await asyncio.sleep(1)
            assert events == ["added a", "added b"]
        value = registry.get_sample_value("reconcile_informer_handler_failures_total", {"kind": "ConfigMap"})
        assert value == 2

    run(story())


def test_failures_and_lists_are_counted() -> None:
    async def story() -> None:
        registry = CollectorRegistry()
        server = server_with("a", faults=["500", "reset"])
        async with running(server, metrics=CacheMetrics(registry)) as (informer, _):
            await informer.synced.wait()
        labels = {"kind": "ConfigMap"}
        assert registry.get_sample_value("reconcile_informer_lists_total", labels) == 1
        for error in ("ServerError", "TransportError"):
            counted = registry.get_sample_value("reconcile_informer_failures_total", {**labels, "error": error})
            assert counted == 1

    run(story())
