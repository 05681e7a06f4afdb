"""One writer at a time for each secret, where a vendor has no way to write only if nothing changed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Writers"]


class Writers:
    """Lets those who read a secret, change it and write it back do so one after the other.

    PushSecrets that each write one property of the same secret would otherwise undo each other's. It says nothing about writers
    elsewhere.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def writing(self, name: str) -> AsyncIterator[None]:
        """Hold a secret for the length of a block; cancellation while waiting leaves nothing behind."""
        lock, users = self._waiting.get(name, (asyncio.Lock(), 0))
        self._waiting[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._waiting.pop(name)
            if users > 1:
                self._waiting[name] = (lock, users - 1)
