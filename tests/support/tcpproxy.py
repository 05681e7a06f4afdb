"""A network that can be cut: a TCP proxy on loopback whose traffic stops while its connections stay open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.loopback import accepting

__all__ = ["TcpProxy"]


class TcpProxy:
    """Use it as an async context manager.

    Args:
        host: where connections go.
        port: of that host.

    Attributes:
        open: cleared, no byte passes in either direction, and nobody is told.
        port: where it listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.open = asyncio.Event()
        self.open.set()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listening = accepting(self._accept)
        self.port = await self._listening.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._listening.__aexit__(kind, error, traceback)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        # The server's callback asks even a cancelled task what it failed with.
        with suppress(asyncio.CancelledError):
            await self._carry(reader, writer)
        self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.open.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pipe(reader, far_writer))
                    group.create_task(self._pipe(far_reader, writer))
            finally:
                far_writer.close()
        except* OSError:
            pass
        finally:
            writer.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            await self.open.wait()
            writer.write(chunk)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof() if writer.can_write_eof() else writer.close()
