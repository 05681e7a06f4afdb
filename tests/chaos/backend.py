"""A store of secrets over HTTP that remembers everything it ever held, and misbehaves on demand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.canaries import Canaries
from tests.support.loopback import serving

__all__ = ["Backend"]


@dataclass
class Backend:
    """`GET`, `POST` and `DELETE /kv/<key>`, each with a bearer token.

    Attributes:
        name: prefix of its values, so that one from another store is seen.
        canary: marks its values, so that one in a log is seen.
        values: what each key holds.
        history: every value that a key ever held, with its number.
        pushed: every write of a client, in order.
        deleted: every key that a client deleted.
        token: who may.
        status: answer this instead; 0 answers properly.
        delay: seconds before an answer.
        calls: by method and status.
    """

    name: str
    canary: Canaries = field(default_factory=Canaries)
    url: str = ""
    values: dict[str, str] = field(default_factory=dict)
    history: dict[str, dict[str, int]] = field(default_factory=dict)
    pushed: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    token: str = ""
    status: int = 0
    delay: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    def set(self, key: str, version: int) -> None:
        """Give a key a new value, which says whose it is."""
        value = f"{self.name}/{key}/{self.canary.plain('value')}"
        self.values[key] = value
        self.history.setdefault(key, {})[value] = version

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """On loopback."""
        app = web.Application()
        app.router.add_route("*", "/kv/{key}", self._handle)
        async with serving(app) as self.url:
            yield

    async def _handle(self, request: web.Request) -> web.Response:
        answer = await self._answer(request)
        self.calls[f"{request.method} {answer.status}"] += 1
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        await asyncio.sleep(self.delay)
        if self.status:
            headers = {"Retry-After": "1"} if self.status == 429 else {}
            return web.Response(status=self.status, headers=headers)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        if request.method == "GET":
            if key not in self.values:
                return web.Response(status=404)
            return web.json_response({"value": self.values[key]})
        if request.method == "DELETE":
            self.values.pop(key, None)
            self.deleted.append(key)
            return web.Response(status=204)
        value = (await request.read()).decode()
        self.values[key] = value
        self.pushed.append((key, value))
        return web.Response(status=204)
