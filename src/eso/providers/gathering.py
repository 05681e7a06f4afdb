"""Reading many secrets of a search side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from eso.values import SecretMap, SecretValue

__all__ = ["read_all"]

_AT_ONCE: Final = 20


async def read_all(keys: Sequence[str], read: Callable[[str], Awaitable[SecretValue]]) -> SecretMap:
    """Each key with its value, in the order of the keys; some are read at the same time.

    Raises:
        Exception: the first error of a read; the others are cancelled.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str) -> SecretValue:
        async with limit:
            return await read(key)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {key: group.create_task(one(key)) for key in keys}
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return {key: task.result() for key, task in tasks.items()}
