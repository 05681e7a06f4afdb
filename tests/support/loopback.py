"""Servers on free ports of loopback that end with the block that uses them, and leave no connection behind."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from reconcile.listener import Listener, stop_accepting

__all__ = ["accepting", "serving"]


@asynccontextmanager
async def serving(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """An HTTP application; yields its URL, without a slash at the end."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    listener = Listener(runner, "127.0.0.1", 0, tls)
    await listener.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.port}"
    finally:
        await listener.close()


@asynccontextmanager
async def accepting(
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """A TCP server; yields its port. Connections that are open at the end are the callback's to close."""
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop_accepting(server)
