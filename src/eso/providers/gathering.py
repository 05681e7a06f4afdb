"""Doing many things of one search side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from eso.values import SecretMap, SecretValue

__all__ = ["gathered", "read_all"]

T = TypeVar("T")

_AT_ONCE: Final = 20


async def gathered(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run side by side; the first error cancels the others and is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def read_all(keys: Sequence[str], read: Callable[[str], Awaitable[SecretValue]]) -> SecretMap:
    """Each key with its value, in the order of the keys; some are read at the same time.

    Raises:
        Exception: the first error of a read; the others are cancelled.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str) -> SecretValue:
        async with limit:
            return await read(key)

    return dict(zip(keys, await gathered([one(key) for key in keys]), strict=True))
