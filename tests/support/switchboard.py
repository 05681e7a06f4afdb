"""A port in front of a server: whoever connects reaches the server, or nothing that answers, or somebody with another certificate."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.keypairs import new_key_pair
from tests.support.loopback import accepting

__all__ = ["Switchboard", "server_tls", "switchboard"]


def server_tls(pair: tuple[bytes, bytes]) -> ssl.SSLContext:
    """TLS settings of a server with this certificate and key, both PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(pair[0] + pair[1])
        context.load_cert_chain(file)
    return context


class Switchboard:
    """Where connections go.

    Args:
        target: port of the server.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target: int | None = target
        self._open: set[asyncio.StreamWriter] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until either side ends it."""
        self._open.add(writer)
        try:
            if self._target is None:
                await reader.read()
                return
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(there_writer)
            try:
                await asyncio.gather(_copied(reader, there_writer), _copied(there_reader, writer))
            finally:
                self._open.discard(there_writer)
                there_writer.close()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[None]:
        """Accept connections, and do nothing with them."""
        async with self._leading_to(None):
            yield

    @asynccontextmanager
    async def untrusted(self) -> AsyncIterator[None]:
        """Lead to a server whose certificate nobody knows."""

        async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with accepting(ignore, server_tls(new_key_pair())) as stranger, self._leading_to(stranger):
            yield

    @asynccontextmanager
    async def _leading_to(self, target: int | None) -> AsyncIterator[None]:
        before, self._target = self._target, target
        self.cut()
        try:
            yield
        finally:
            self._target = before
            self.cut()

    def cut(self) -> None:
        """End every connection."""
        for writer in list(self._open):
            writer.transport.abort()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(1 << 16):
            writer.write(content)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def switchboard(target: int) -> AsyncIterator[Switchboard]:
    """A port that leads to another one, until the block ends."""
    board = Switchboard(target)
    try:
        async with accepting(board.connected) as board.port:
            yield board
    finally:
        board.cut()
        await asyncio.sleep(0)
