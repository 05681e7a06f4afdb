"""Many reads at once, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

IN_FLIGHT = 64


async def in_flight(count: int, read: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Reads a second, and milliseconds of CPU for each."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await read(number)

    cpu, began = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())
    seconds = time.perf_counter() - began
    return count / seconds, (time.process_time() - cpu) / count * 1e3
