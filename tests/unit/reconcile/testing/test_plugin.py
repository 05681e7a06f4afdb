from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client
from reconcile.controller import Controller, Request, Result
from reconcile.manager import Manager
from reconcile.testing.apiserver import ApiServer


async def test_manager_runs_controllers_against_the_server(
    apiserver: ApiServer,
    manager: Manager,
    run_manager: Callable[..., Any],
    eventually: Callable[..., Awaitable[Any]],
) -> None:
    seen: list[str] = []

    async def reconcile(request: Request) -> Result:
        seen.append(request.name)
        return Result()

    manager.add(Controller(ConfigMap, reconcile))
    async with run_manager(manager):
        client = Client(apiserver.transport)
        await client.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="default")))
        await eventually(lambda: "c" in seen)
