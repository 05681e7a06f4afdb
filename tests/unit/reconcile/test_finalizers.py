from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client, MergePatch
from reconcile.errors import ConflictError, NotFoundError
from reconcile.finalizers import add_finalizer, has_finalizer, remove_finalizer
from reconcile.testing.apiserver.server import ApiServer
from reconcile.testing.loop import run

MINE, OTHER = "example.com/mine", "example.com/other"


def _with_server(check: Callable[[ApiServer, Client, ConfigMap], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            client = Client(server.transport)
            obj = await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
            await check(server, client, obj)

    run(main())


def test_add_and_remove_with_no_request_when_nothing_changes() -> None:
    async def check(server: ApiServer, client: Client, obj: ConfigMap) -> None:
        with_it = await add_finalizer(client, obj, MINE)
        assert has_finalizer(with_it, MINE)
        fault = server.faults.add(lambda request: True, status=500)
        assert await add_finalizer(client, with_it, MINE) is with_it
        assert await remove_finalizer(client, obj, MINE) is obj
        server.faults.remove(fault)
        without = await remove_finalizer(client, with_it, MINE)
        assert without is not None
        assert not has_finalizer(without, MINE)

    _with_server(check)


def test_a_finalizer_added_by_somebody_else_meanwhile_survives() -> None:
    async def check(server: ApiServer, client: Client, obj: ConfigMap) -> None:
        await client.patch(ConfigMap, "a", "default", MergePatch({"metadata": {"finalizers": [OTHER]}}))
        both = await add_finalizer(client, obj, MINE)
        assert both.metadata.finalizers == [OTHER, MINE]
        only = await remove_finalizer(client, obj.model_copy(update={"metadata": both.metadata}), MINE)
        assert only is not None
        assert only.metadata.finalizers == [OTHER]

    _with_server(check)


def test_removing_the_last_one_lets_the_object_go() -> None:
    async def check(server: ApiServer, client: Client, obj: ConfigMap) -> None:
        await add_finalizer(client, obj, MINE)
        await client.delete(ConfigMap, "a", "default")
        deleting = await client.get(ConfigMap, "a", "default")
        assert await add_finalizer(client, deleting, OTHER) is deleting
        await remove_finalizer(client, deleting, MINE)
        with pytest.raises(NotFoundError):
            await client.get(ConfigMap, "a", "default")
        assert await remove_finalizer(client, deleting, MINE) is None

    _with_server(check)


def test_an_object_of_the_same_name_that_came_later_is_left_alone() -> None:
    async def check(server: ApiServer, client: Client, obj: ConfigMap) -> None:
        await client.delete(obj)
        await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default", finalizers=[MINE])))
        stale = obj.model_copy(update={"metadata": obj.metadata.model_copy(update={"finalizers": [MINE]})})
        assert await remove_finalizer(client, stale, MINE) is None
        assert has_finalizer(await client.get(ConfigMap, "a", "default"), MINE)

    _with_server(check)


def test_endless_conflicts_are_raised() -> None:
    async def check(server: ApiServer, client: Client, obj: ConfigMap) -> None:
        server.faults.add(lambda request: request.method == "PATCH", status=409)
        with pytest.raises(ConflictError):
            await asyncio.wait_for(add_finalizer(client, obj, MINE), 60)

    _with_server(check)
