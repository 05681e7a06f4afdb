"""Run a manager for the length of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reconcile.manager import Manager

__all__ = ["running"]


@asynccontextmanager
async def running(manager: Manager, *, timeout: float = 10.0) -> AsyncIterator[Manager]:
    """The manager, started, with its caches in step; stopped gracefully at the end of the block.

    What the manager fails with ends the block and is raised. Cancellation stops it without the drain.

    Args:
        manager: made with `handle_signals=False`.
        timeout: seconds for the start.

    Raises:
        TimeoutError: it did not start in time.
    """
    async with asyncio.TaskGroup() as group:
        task = group.create_task(manager.run(), name="manager")
        try:
            async with asyncio.timeout(timeout):
                await manager.started.wait()
            yield manager
        finally:
            manager.stop()
            if not manager.started.is_set():
                task.cancel()
