"""The whole server without sockets, in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconcile.testing.apiserver import ApiServer
from reconcile.testing.loop import run

SECRETS = "/api/v1/namespaces/default/secrets"


def watch_for_an_hour() -> list[str]:
    async def main() -> list[str]:
        async with ApiServer(listen=False) as server:
            kinds: list[str] = []
            query = {"watch": "true", "timeoutSeconds": "3600", "allowWatchBookmarks": "true"}
            async with server.transport.stream("GET", SECRETS, query=query) as stream:
                await server.transport.request("POST", SECRETS, body=b'{"metadata":{"name":"a"}}')
                async for chunk in stream:
                    kinds += [json.loads(line)["type"] for line in chunk.splitlines()]
            return kinds

    return run(main())


def test_bookmarks_keep_a_quiet_watch_fresh_until_its_end() -> None:
    kinds = watch_for_an_hour()
    assert kinds[0] == "ADDED"
    assert set(kinds[1:]) == {"BOOKMARK"}
    assert 300 <= len(kinds) <= 400


async def test_without_a_port_there_is_no_url() -> None:
    async with ApiServer(listen=False) as server:
        with pytest.raises(RuntimeError, match="listen=False"):
            _ = server.url


def test_storage_needs_a_running_server() -> None:
    with pytest.raises(RuntimeError, match="async with ApiServer"):
        _ = ApiServer().storage


async def test_settled_means_that_reactions_happened() -> None:
    async with ApiServer(listen=False) as server:

        async def post(path: str, body: dict[str, Any]) -> Any:
            response = await server.transport.request("POST", path, body=json.dumps(body).encode())
            return json.loads(response.body)

        owner = await post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "owner"}})
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
        await post(SECRETS, {"metadata": {"name": "child", "ownerReferences": [reference]}})
        await server.transport.request("DELETE", "/api/v1/namespaces/default/configmaps/owner")
        await server.settled()
        assert server.storage.get("secrets", "default", "child") is None
