"""A port that speaks HTTP, and that ends without leaving a connection behind."""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import web

__all__ = ["Listener", "stop_accepting"]

# Turns of the event loop from a connection that the kernel handed over to a handler that waits for its requests:
# making the transport, telling the protocol, starting its task, and one for luck of the order within a turn.
_TURNS = 4
# Seconds until a connection is cut whose peer does not answer the end of TLS. asyncio's own patience, 30 s, outlives a server.
_GOODBYE = 0.25
_POLL = 0.005


class Listener:
    """Listens on a port for a runner.

    aiohttp's sites cannot do two things that this does. A connection that is accepted in the very turn of the event loop in
    which its server closes is not leaked, and does not cost the runner's whole shutdown timeout because its handler missed the
    call to end. And a peer that does not say goodbye does not keep its TLS connection open.

    Args:
        runner: what it serves, not set up yet; its `shutdown_timeout` is what requests in flight get.
        host: address; all when None.
        port: 0 takes any free one.
        tls: serve HTTPS.
    """

    def __init__(self, runner: web.BaseRunner, host: str | None, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._runner = runner
        self._host = host
        self._port = port
        self._tls = tls
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, once it has started."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        await self._runner.setup()
        assert self._runner.server is not None
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._runner.server,
                self._host,
                self._port,
                ssl=self._tls,
                ssl_shutdown_timeout=_GOODBYE if self._tls else None,
                reuse_address=True,
            )
        except BaseException:
            await self._runner.cleanup()
            raise
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop_accepting(self) -> None:
        """Close the port; connections stay."""
        server, self._server = self._server, None
        if server is not None:
            await stop_accepting(server)

    async def close(self) -> None:
        """Close the port, let requests in flight end, and leave no connection open."""
        await self.stop_accepting()
        server = self._runner.server
        handlers = [] if server is None else server.connections
        transports = [handler.transport for handler in handlers]
        try:
            await self._runner.cleanup()
            await _until_lost(handlers)
        finally:
            for transport in transports:
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()


async def stop_accepting(server: asyncio.Server) -> None:
    """Close a server's ports, once every connection that it accepted is known to its protocol.

    `asyncio.Server.close()` alone leaks a connection that it has accepted and not made yet.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    server.close()


async def _until_lost(handlers: list[web.RequestHandler]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _GOODBYE
    while loop.time() < end and any(handler.transport is not None for handler in handlers):  # noqa: ASYNC110 - aiohttp signals no end of a connection
        await asyncio.sleep(_POLL)
