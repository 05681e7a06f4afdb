"""A Devolutions Server, a cluster with credentials, and stores that point to the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.providers.dvls.provider import DVLSProvider
from tests.support.providerbench import ProviderBench, bench
from tests.support.vendors.dvls import APP, SECRET, VAULT, DevolutionsServer
from tests.support.vendors.tokenserver import serving

APP_REF = {"name": "dvls", "key": "id"}
SECRET_REF = {"name": "dvls", "key": "secret"}
AUTH = {"secretRef": {"appId": APP_REF, "appSecret": SECRET_REF}}
LOGIN = "POST /api/v1/login"
LOGGED = "GET /api/is-logged"


def auth(**refs: Any) -> dict[str, Any]:
    return {"secretRef": {"appId": APP_REF, "appSecret": SECRET_REF, **refs}}


class Case:
    def __init__(self, server: DevolutionsServer, stores: ProviderBench) -> None:
        self.server = server
        self.stores = stores

    def lend(self, vault: str | None = VAULT, *, cluster: bool = False, consumer: str = "app", **more: Any) -> Any:
        url = {"serverUrl": f"{self.server.url}/", "insecure": True}
        return self.stores.lend({**url, "vault": vault, "auth": AUTH, **more}, cluster=cluster, consumer=consumer)

    def sent(self, method: str) -> list[str]:
        return [each for each in self.server.seen if each.startswith(method) and each not in (LOGIN, LOGGED)]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    server = DevolutionsServer()
    async with serving(server), bench(DVLSProvider()) as stores:
        await stores.secret("dvls", id=APP, secret=SECRET, wrong="canary-wrong")
        yield Case(server, stores)
