"""A gate in front of a vendor's server: requests pass through it, until it is told to fail in one of the ways of `FAULTS`.

It speaks TLS with `key_pair()`, which is what a store under test must trust, and repeats in every failure what it was sent,
as vendors do.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.support.keypairs import key_pair, new_key_pair
from tests.support.loopback import accepting, serving

__all__ = ["Gate"]

_HOP = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade"}
_HUGE = 10_000_000


class Gate:
    """The gate; use as an async context manager.

    Args:
        upstream: URL of the server behind it; its certificate is not looked at.
        canary: what failing answers repeat, beside the request.
        tls: False speaks plain HTTP, for vendors whose stores have no CA field.

    Attributes:
        url: where clients connect.
        ca: PEM of the certificate they must trust.
    """

    def __init__(self, upstream: str, canary: str = "", *, tls: bool = True) -> None:
        self._upstream = upstream.rstrip("/")
        self._canary = canary
        self._with_tls = tls
        self._fault = ""
        self._over = asyncio.Event()
        self._pipes: set[asyncio.Task[None]] = set()
        self._stack = contextlib.AsyncExitStack()
        self._ports: dict[bool, int] = {}
        self.url = ""
        self.ca = key_pair()[0]

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        self._session = await enter(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False), auto_decompress=False)
        )
        for trusted, pair in ((True, key_pair()), (False, new_key_pair())):
            self._ports[trusted] = await enter(_serving(self._answer, _tls(pair) if self._with_tls else None))
        self._stack.push_async_callback(self._close)
        port = await enter(accepting(self._accept))
        self.url = f"{'https' if self._with_tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def failures(self) -> Mapping[str, Callable[[], AbstractAsyncContextManager[object]]]:
        """The faults that a gate can play, for `Subject.failures`."""
        names = (
            "denied",
            "throttled",
            "timeout",
            "half-open",
            "wrong certificate",
            "malformed answer",
            "huge answer",
        )
        return {name: partial(self.failing, name) for name in names}

    def unknown(self) -> AbstractAsyncContextManager[None]:
        """Forget who may sign in: the server answers 401, whatever a request shows."""
        return self.failing("unknown")

    @asynccontextmanager
    async def failing(self, fault: str) -> AsyncIterator[None]:
        """Fail for the length of a block; connections do not outlive a change."""
        self._fault = fault
        self._hang_up()
        try:
            yield
        finally:
            self._fault = ""
            self._over.set()
            self._over = asyncio.Event()
            self._hang_up()

    def _hang_up(self) -> None:
        for pipe in self._pipes:
            pipe.cancel()

    async def _close(self) -> None:
        self._hang_up()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            if self._fault == "half-open":
                await self._over.wait()
                return
            port = self._ports[self._fault != "wrong certificate"]
            inner, outer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await _both(_pumped(reader, outer), _pumped(inner, writer))
            finally:
                outer.close()
        except (asyncio.CancelledError, OSError):
            return
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        sent = f"{self._canary} {dict(request.headers)} {body.decode('utf-8', 'replace')}"
        match self._fault:
            case "denied":
                return web.json_response({"errors": [sent], "message": sent}, status=403)
            case "unknown":
                return web.json_response({"errors": [sent], "message": sent}, status=401)
            case "throttled":
                return web.json_response({"errors": [sent], "message": sent}, status=429, headers={"Retry-After": "7"})
            case "timeout":
                await self._over.wait()
            case "malformed answer":
                return web.Response(body=f"{{{sent}".encode(), content_type="application/json")
            case "huge answer":
                filler = b"x" * _HUGE
                return web.Response(
                    body=b'{"data": {"data": {"x": "' + filler + b'"}}}', content_type="application/json"
                )
        return await self._passed_on(request, body)

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP]
        # Signatures of requests cover the host that the client connected to.
        headers.append(("X-Forwarded-Host", request.host))
        async with self._session.request(
            request.method, self._upstream + request.raw_path, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            back = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
            response = web.Response(status=answer.status, body=await answer.read())
            for name, value in back:
                response.headers.add(name, value)
            return response


@asynccontextmanager
async def _serving(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]], context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", handle)
    async with serving(app, context) as url:
        yield int(url.rpartition(":")[2])


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def _both(*pumps: Coroutine[Any, Any, None]) -> None:
    """Until one direction ends."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tls(pair: tuple[bytes, bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(b"".join(pair))
        context.load_cert_chain(file)
    return context
