"""The cached client on a cache with a real informer and a simulated server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.cache import Cache
from reconcile.client import CachedClient, Client, MergePatch, Response
from reconcile.errors import NotFoundError
from reconcile.testing.loop import run
from tests.support.transport import SimulatedCollection, status_body


class Writable(SimulatedCollection):
    """Also takes writes; watches are late by `lag` seconds, so reads through the cache would be stale."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None, **_: Any
    ) -> Response:
        self.requests.append(f"{method} {path.rpartition('/')[2]}")
        if "/configmaps" not in path:
            return Response(404, status_body(404, "NotFound"))
        name = path.partition("/configmaps/")[2].removesuffix("/scale")
        sent = json.loads(body) if body else {}
        if method == "POST":
            return self._answer(self.put(sent["metadata"]["name"], sent["data"]["value"]))
        if method in ("PUT", "PATCH"):
            labels = sent.get("metadata", {}).get("labels")
            return self._answer(self.put(name, sent["data"]["value"], **({"labels": labels} if labels else {})))
        if method == "DELETE":
            gone = self.delete(name)
            return Response(200, json.dumps({"kind": "Status", "details": {"uid": gone["metadata"]["uid"]}}).encode())
        if name:
            found = self.objects.get(name)
            return self._answer(found) if found else Response(404, status_body(404, "NotFound"))
        return await super().request(method, path, query=query)

    @staticmethod
    def _answer(obj: dict[str, Any]) -> Response:
        return Response(200, json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **obj}).encode())


@asynccontextmanager
async def cached(server: Writable, **scope: Any) -> AsyncIterator[tuple[CachedClient, Cache]]:
    live = Client(server, field_manager="tester")
    cache = Cache(live)
    cache.informer(ConfigMap, **scope)
    task = asyncio.create_task(cache.run())
    await cache.wait_synced()
    try:
        yield CachedClient(live, cache), cache
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def config_map(name: str, value: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="ns"), data={"value": value})


def test_reads_come_from_the_cache() -> None:
    async def story() -> None:
        server = Writable()
        server.put("a", "1", labels={"x": "y"})
        server.put("b", "2")
        async with cached(server) as (client, _):
            assert (await client.get(ConfigMap, "a", "ns")).data == {"value": "1"}
            assert await client.find(ConfigMap, "missing", "ns") is None
            with pytest.raises(NotFoundError, match="ConfigMap ns/missing not found"):
                await client.get(ConfigMap, "missing", "ns")
            assert [obj.name for obj in await client.list(ConfigMap, "ns")] == ["a", "b"]
            assert [obj.name for obj in await client.list(ConfigMap, label_selector="x=y")] == ["a"]
            assert (await client.get_wire(ConfigMap, "a", "ns"))["kind"] == "ConfigMap"
            assert server.requests == []
            await client.live.get(ConfigMap, "a", "ns")
            await client.list(ConfigMap, "ns", field_selector="metadata.name=a")
            assert server.requests == ["GET a", "GET configmaps"]

    run(story())


def test_kinds_without_an_informer_are_read_from_the_server() -> None:
    async def story() -> None:
        server = Writable()
        async with cached(server) as (client, _):
            assert await client.find(Secret, "s", "ns") is None
            assert server.requests == ["GET s"]

    run(story())


def test_own_writes_are_read_at_once_though_the_watch_is_late() -> None:
    async def story() -> None:
        server = Writable()
        async with cached(server) as (client, cache):
            informer = cache.informer(ConfigMap)
            events: list[str] = []
            informer.add_handler(lambda event: events.append(event.type))
            await client.create(config_map("a", "1"))
            assert (await client.get(ConfigMap, "a", "ns")).data == {"value": "1"}
            await client.patch(ConfigMap, "a", "ns", MergePatch({"data": {"value": "2"}}))
            assert (await client.get(ConfigMap, "a", "ns")).data == {"value": "2"}
            await client.delete(ConfigMap, "a", "ns")
            assert await client.find(ConfigMap, "a", "ns") is None
            # Nothing was awaited that the watch could have used; now it catches up and has no news.
            await asyncio.sleep(5)
            assert await client.find(ConfigMap, "a", "ns") is None
            assert events == ["added", "updated", "deleted"]
            assert server.requests == ["POST configmaps", "PATCH a", "DELETE a"]

    run(story())


def test_the_answer_of_another_kind_does_not_enter_the_cache() -> None:
    async def story() -> None:
        class Scaling(Writable):
            @staticmethod
            def _answer(obj: dict[str, Any]) -> Response:
                return Response(200, json.dumps({"kind": "Scale", **obj, "data": {"value": "scale"}}).encode())

        server = Scaling()
        server.put("a", "1")
        async with cached(server) as (client, cache):
            await client.patch(ConfigMap, "a", "ns", MergePatch({"data": {"value": "2"}}), subresource="scale")
            held = cache.informer(ConfigMap).get("a", "ns")
            assert held is not None
            assert held.data == {"value": "1"}

    run(story())


def test_apply_sends_nothing_when_it_would_change_nothing() -> None:
    async def story() -> None:
        server = Writable()
        async with cached(server) as (client, _):
            first = await client.apply(config_map("a", "1"))
            assert await client.apply(config_map("a", "1")) == first
            assert server.requests == ["PATCH a"]
            # Somebody changes it: it is applied again.
            server.put("a", "theirs")
            await asyncio.sleep(1)
            await client.apply(config_map("a", "1"))
            assert server.requests == ["PATCH a"] * 2
            # We want something else.
            await client.apply(config_map("a", "2"))
            # Another manager's apply is another matter.
            await client.apply(config_map("a", "2"), field_manager="other")
            assert server.requests == ["PATCH a"] * 4

    run(story())


def test_a_selected_cache_answers_only_what_it_holds() -> None:
    async def story() -> None:
        server = Writable()
        server.put("a", "1", labels={"x": "y"})
        async with cached(server, label_selector="x=y") as (client, cache):
            assert (await client.get(ConfigMap, "a", "ns")).name == "a"
            assert server.requests == []
            server.put("b", "2")
            assert (await client.get(ConfigMap, "b", "ns")).name == "b"
            await client.list(ConfigMap, "ns")
            assert server.requests == ["GET b", "GET configmaps"]
            # A write that takes the object out of the selection takes it out of the cache.
            await client.patch(ConfigMap, "a", "ns", MergePatch({"data": {"value": "3"}}))
            assert cache.informer(ConfigMap, label_selector="x=y").get("a", "ns") is None

    run(story())


@pytest.mark.parametrize(
    ("field_selector", "held"),
    [("metadata.name=a", True), ("metadata.name=b", False), ("type=x", False)],
)
def test_own_writes_enter_a_cache_only_if_its_field_selector_takes_them(field_selector: str, held: bool) -> None:
    async def story() -> None:
        server = Writable()
        async with cached(server, field_selector=field_selector) as (client, cache):
            await client.create(config_map("a", "1"))
            found = cache.informer(ConfigMap, field_selector=field_selector).get("a", "ns")
            assert (found is not None) is held

    run(story())


def test_a_cache_that_stopped_answers_nothing() -> None:
    async def story() -> None:
        server = Writable()
        server.put("a", "1")
        async with cached(server) as (client, _):
            pass
        server.put("a", "2")
        assert (await client.get(ConfigMap, "a", "ns")).data == {"value": "2"}

    run(story())


def test_a_metadata_only_cache_answers_no_reads() -> None:
    async def story() -> None:
        server = Writable()
        server.put("a", "1")
        async with cached(server, metadata_only=True) as (client, cache):
            assert (await client.get(ConfigMap, "a", "ns")).data == {"value": "1"}
            assert server.requests == ["GET a"]
            held = cache.informer(ConfigMap, metadata_only=True).get("a", "ns")
            assert held is not None
            assert held.data == {}

    run(story())
