from __future__ import annotations

import asyncio
import contextlib

import pytest
from prometheus_client import CollectorRegistry

from reconcile.api.core_v1 import ConfigMap, Namespace, Secret
from reconcile.cache import Cache
from reconcile.client import Client
from reconcile.metrics import CacheMetrics, render
from reconcile.testing.loop import run
from tests.support.transport import Call, ScriptedStream, ScriptedTransport, SimulatedCollection


def test_equal_scopes_share_an_informer() -> None:
    cache = Cache(Client(SimulatedCollection()))
    first = cache.informer(ConfigMap, indexes={"value": lambda obj: list(obj.data.values())})
    assert cache.informer(ConfigMap) is first
    assert cache.informer(ConfigMap, "") is first
    assert cache.informer(ConfigMap, "ns") is not first
    assert cache.informer(ConfigMap, label_selector="a=b") is not first
    assert cache.informer(ConfigMap, metadata_only=True) is not first
    assert cache.informer(Secret) is not first
    with pytest.raises(ValueError, match="another index"):
        cache.informer(ConfigMap, indexes={"value": lambda obj: []})


def test_a_restricted_cache_watches_its_namespaces_only() -> None:
    async def story() -> None:
        watched: list[str] = []

        def answer(call: Call) -> ScriptedStream:
            watched.append(call.path)
            end = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5","annotations":'
            return ScriptedStream(end + b'{"k8s.io/initial-events-end":"true"}}}}\n', 1e6)

        cache = Cache(Client(ScriptedTransport(answer=answer)), namespaces=["two", "one"])
        informer = cache.informer(ConfigMap)
        cache.informer(Namespace)
        task = asyncio.create_task(cache.run())
        await cache.wait_synced()
        assert sorted(watched) == [
            "/api/v1/namespaces",
            "/api/v1/namespaces/one/configmaps",
            "/api/v1/namespaces/two/configmaps",
        ]
        assert cache.covering(ConfigMap, "one") is informer
        assert cache.covering(ConfigMap, "three") is None
        assert cache.covering(ConfigMap, "") is None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(story())


def test_informers_come_and_go_while_it_runs() -> None:
    async def story() -> None:
        server = SimulatedCollection()
        server.put("a", "v")
        cache = Cache(Client(server))
        task = asyncio.create_task(cache.run())
        await asyncio.sleep(1)
        informer = cache.informer(ConfigMap)
        assert cache.unsynced == ["ConfigMap: waiting for the first list"]
        await cache.wait_synced()
        assert len(informer) == 1
        assert cache.alive
        await cache.remove(informer)
        assert cache.informers == []
        server.put("b", "v")
        await asyncio.sleep(700)
        assert len(informer) == 1
        assert not informer.alive
        assert not task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) <= 2

    run(story())


def test_a_late_handler_is_told_what_is_there() -> None:
    async def story() -> None:
        server = SimulatedCollection()
        server.put("a", "v")
        cache = Cache(Client(server))
        informer = cache.informer(ConfigMap)
        early: list[tuple[str, bool]] = []
        informer.add_handler(lambda event: early.append((event.type, event.initial)))
        task = asyncio.create_task(cache.run())
        await cache.wait_synced()
        late: list[str] = []
        remove = informer.add_handler(lambda event: late.append(event.type))
        server.put("b", "v")
        await asyncio.sleep(1)
        remove()
        server.put("c", "v")
        await asyncio.sleep(1)
        assert late == ["sync", "added"]
        assert early == [("added", True), ("added", False), ("added", False)]
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(story())


def test_what_is_held_is_measured_per_kind() -> None:
    async def story() -> None:
        registry = CollectorRegistry()
        server = SimulatedCollection()
        server.put("a", "v")
        cache = Cache(Client(server), metrics=CacheMetrics(registry))
        informers = [cache.informer(ConfigMap), cache.informer(ConfigMap, "ns")]
        task = asyncio.create_task(cache.run())
        await cache.wait_synced()
        await asyncio.sleep(5)
        text = render(registry).decode()
        assert 'reconcile_informer_objects{kind="ConfigMap"} 2' in text
        assert f'reconcile_informer_bytes{{kind="ConfigMap"}} {sum(one.bytes_cached for one in informers)}' in text
        age = registry.get_sample_value("reconcile_informer_last_contact_age_seconds", {"kind": "ConfigMap"})
        assert age == pytest.approx(5, abs=0.1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(story())


def test_objects_that_do_not_have_the_shape_of_their_kind_are_left_out_of_lists() -> None:
    async def story() -> None:
        server = SimulatedCollection()
        server.put("a", "v")
        server.put("b", "v")["data"] = "not a map"
        cache = Cache(Client(server))
        informer = cache.informer(ConfigMap)
        names: list[str] = []
        informer.add_handler(lambda event: names.append(event.name))
        task = asyncio.create_task(cache.run())
        await cache.wait_synced()
        assert [obj.name for obj in informer.list()] == ["a"]
        assert names == ["a", "b"]
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(story())
