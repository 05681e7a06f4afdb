"""A server that has ended has no connection, whatever its clients do."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import closing

import aiohttp
import pytest
from aiohttp import web

from reconcile.listener import Listener
from tests.support.keypairs import key_pair
from tests.support.switchboard import server_tls

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def started(handler: Handler, tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, Listener]:
    app = web.Application()
    app.router.add_get("/", handler)
    # A timeout beyond pytest's own: a test that waits for it fails.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=600)
    listener = Listener(runner, "127.0.0.1", 0, tls)
    await listener.start()
    return runner, listener


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


def rude(port: int, *, tls: bool) -> socket.socket:
    """A client that asks once and never says goodbye; it blocks, so it needs a thread."""
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    if tls:
        context = ssl.create_default_context(cadata=key_pair()[0].decode())
        context.check_hostname = False
        client = context.wrap_socket(client)
    client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_that_does_not_say_goodbye_is_cut_off(tls: bool) -> None:
    runner, listener = await started(hello, server_tls(key_pair()) if tls else None)
    assert runner.server is not None
    with closing(await asyncio.to_thread(rude, listener.port, tls=tls)):
        handlers = runner.server.connections
        assert len(handlers) == 1
        await listener.close()
        await asyncio.sleep(0)
        assert [handler.transport for handler in handlers] == [None]


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_that_is_being_made_is_neither_leaked_nor_waited_for(turns: int) -> None:
    _, listener = await started(hello)
    with closing(socket.socket()) as client:
        client.setblocking(False)
        assert client.connect_ex(("127.0.0.1", listener.port)) in (0, errno.EINPROGRESS)
        for _ in range(turns):
            await asyncio.sleep(0)
        await listener.close()
    # A transport that nobody closed complains when it is collected, and the test fails.
    gc.collect()


async def test_a_request_in_flight_is_answered() -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        arrived.set()
        await go.wait()
        return web.Response(body=b"x" * 1_000_000)

    _, listener = await started(slow, server_tls(key_pair()))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        request = asyncio.create_task(_length(session, f"https://127.0.0.1:{listener.port}/"))
        await arrived.wait()
        ending = asyncio.create_task(listener.close())
        await asyncio.sleep(0.01)
        go.set()
        await ending
        assert await request == 1_000_000


async def test_connections_outlive_the_port() -> None:
    _, listener = await started(hello)
    url = f"http://127.0.0.1:{listener.port}/"
    async with aiohttp.ClientSession() as session:
        assert await _length(session, url) == 5
        await listener.stop_accepting()
        assert await _length(session, url) == 5
        async with aiohttp.ClientSession() as late:
            with pytest.raises(aiohttp.ClientConnectorError):
                await _length(late, url)
        await listener.close()
        with pytest.raises(aiohttp.ClientConnectorError):
            await _length(session, url)


async def test_a_port_that_is_taken() -> None:
    _, first = await started(hello)
    app = web.Application()
    second = Listener(web.AppRunner(app), "127.0.0.1", first.port)
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await second.close()
    await first.close()


async def _length(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return len(await answer.read())
