"""The frame of servers that issue tokens: one handler, a record of requests, faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support import loopback

__all__ = ["Refused", "TokenServer", "serving"]


class Refused(Exception):
    """The request is refused with a status and a JSON body."""

    def __init__(self, status: int, body: Any = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body


@dataclass
class TokenServer:
    """A server; subclasses answer.

    Attributes:
        url: base URL.
        host: host and port.
        seen: `METHOD path` of each request.
        fault: status, headers and body that every request gets instead of an answer.
        delay: seconds before each answer.
    """

    url: str = ""
    host: str = ""
    seen: list[str] = field(default_factory=list)
    fault: tuple[int, dict[str, str], bytes] | None = None
    delay: float = 0.0

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body; raises Refused."""
        raise Refused(404)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        await asyncio.sleep(self.delay)
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        try:
            status, content = await self.answer(request)
        except Refused as refused:
            status, content = refused.status, refused.body
        if content is None:
            return web.Response(status=status)
        return web.json_response(content, status=status)


@asynccontextmanager
async def serving(vendor: TokenServer) -> AsyncIterator[None]:
    """The vendor on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", vendor.handle)
    async with loopback.serving(app) as vendor.url:
        vendor.host = vendor.url.removeprefix("http://")
        yield
