"""Sees every write of every Secret of a namespace, by a watch that shares no code with the operator's."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.controlplane import ControlPlane

__all__ = ["Observer"]

Check = Callable[[dict[str, Any]], str]
"""What is wrong with a Secret that was written; empty when nothing is."""


class Observer:
    """Keeps what was wrong with any Secret at any moment.

    It begins where the namespace is when it starts and goes on after every break from the last version it saw, so that nothing
    is left out. Where the API server no longer knows that version, it judges what is there and counts a gap.

    Args:
        plane: is asked directly.
        namespace: of the Secrets.
        check: judges each version.

    Attributes:
        writes: versions seen.
        breaks: how often the watch ended.
        gaps: how often versions may have been missed.
        wrong: what was wrong.
    """

    def __init__(self, plane: ControlPlane, namespace: str, check: Check) -> None:
        self.writes = 0
        self.breaks = 0
        self.gaps = 0
        self.wrong: list[str] = []
        self._plane = plane
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._check = check
        self._version = ""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """From now on."""
        context = ssl.create_default_context(cafile=str(self._plane.ca_file))
        headers = {"Authorization": f"Bearer {self._plane.token}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=2)
        async with aiohttp.ClientSession(
            self._plane.url,
            connector=aiohttp.TCPConnector(ssl=context),
            headers=headers,
            timeout=timeout,
            read_bufsize=2**22,
        ) as session:
            await self._list(session)
            task = asyncio.create_task(self._run(session))
            try:
                yield
            finally:
                if not task.done():
                    # What was written last is still on its way.
                    await asyncio.sleep(0.5)
                task.cancel()
                (result,) = await asyncio.gather(task, return_exceptions=True)
                assert isinstance(result, asyncio.CancelledError), result

    async def _run(self, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self._watch(session)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.2)
            self.breaks += 1

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        query = {"watch": "true", "resourceVersion": self._version, "allowWatchBookmarks": "true"}
        async with session.get(self._path, params=query, raise_for_status=True) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self.gaps += 1
                    await self._list(session)
                    return
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._look(event["object"])

    async def _list(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self._path, raise_for_status=True) as answer:
            listed = await answer.json()
        self._version = listed["metadata"]["resourceVersion"]
        for secret in listed["items"]:
            self._look(secret)

    def _look(self, secret: dict[str, Any]) -> None:
        self.writes += 1
        problem = self._check(secret)
        if problem:
            self.wrong.append(f"Secret {secret['metadata']['name']} at version {self._version}: {problem}")
