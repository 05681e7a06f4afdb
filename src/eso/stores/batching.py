"""Reads that arrive together become one vendor request."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from eso.providers.calls import answer_for
from eso.stores.flights import retrieve
from eso.stores.policy import patience

__all__ = ["WINDOW", "Batcher"]

FetchMany: TypeAlias = Callable[[Sequence[Any]], Awaitable[Mapping[Any, Any]]]
Send: TypeAlias = Callable[[str, str, Callable[[], Awaitable[Any]]], Awaitable[Any]]

WINDOW: Final = 0.010
"""Seconds a batch waits for more keys."""

LONGEST_WINDOW: Final = 1.0
"""Seconds a batch waits when nobody in it is in a hurry; a worker is busy with it meanwhile."""


class _Batch:
    """Keys that go out together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # How many wait for each: a read that accepts no older answer asks for a key that is in the batch already.
        self.keys: Counter[Hashable] = Counter()
        self.leaves = math.inf
        self.news = asyncio.Event()
        self.task: asyncio.Task[Mapping[Any, Any]] | None = None


class Batcher:
    """Collects keys for a moment and sends them in one request.

    A refresh that is in no hurry waits longer for company; as soon as somebody in a hurry joins, the batch leaves with him.

    Args:
        send: makes one admitted, counted vendor request: provider, call, request.
        window: seconds to wait for more keys.
    """

    def __init__(self, send: Send, window: float = WINDOW) -> None:
        self._send = send
        self._window = window
        self._clock = asyncio.get_running_loop().time
        self._open: dict[tuple[str, str], _Batch] = {}

    async def read(
        self, provider: str, call: str, key: Hashable, fetch_many: FetchMany, *, limit: int, single_call: str = ""
    ) -> Any:
        """The answer to one key, from a batch it shares with others of the same call.

        Args:
            provider: metric label.
            call: metric label of a request for several keys, and what tells batches apart.
            key: what to read.
            fetch_many: makes the request.
            limit: keys in one request.
            single_call: metric label of a request for one key; empty when it is the same.

        Raises:
            NoSecretError: the answer leaves the key out.
            Exception: what the answer holds for it, or what the request raised.
        """
        batch = self._open.get((provider, call))
        if batch is None:
            batch = self._open[provider, call] = _Batch(max(1, limit))
            batch.task = asyncio.get_running_loop().create_task(
                self._run(provider, call, batch, fetch_many, single_call or call)
            )
            batch.task.add_done_callback(retrieve)
        now = self._clock()
        leaves = now + max(self._window, min(patience(now), LONGEST_WINDOW))
        if leaves < batch.leaves:
            batch.leaves = leaves
            batch.news.set()
        batch.keys[key] += 1
        if len(batch.keys) >= batch.limit:
            self._close(provider, call, batch)
        return answer_for(key, await self._answers(provider, call, batch, key))

    def joins(self, provider: str, call: str) -> bool:
        """Whether a read of that call would join a batch that is still open."""
        return (provider, call) in self._open

    async def _answers(self, provider: str, call: str, batch: _Batch, key: Hashable) -> Mapping[Any, Any]:
        task = batch.task
        if task is None:
            raise RuntimeError("a batch has no task")
        try:
            await asyncio.wait({task})
        finally:
            batch.keys[key] -= 1
            if not batch.keys[key]:
                # Nobody wants this key any more, and perhaps none of the batch.
                del batch.keys[key]
            if not batch.keys and not task.done():
                # Before it is cancelled: who comes meanwhile must not join it.
                self._close(provider, call, batch)
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    async def _run(
        self, provider: str, call: str, batch: _Batch, fetch_many: FetchMany, single_call: str
    ) -> Mapping[Any, Any]:
        try:
            while (wait := batch.leaves - self._clock()) > 0:
                batch.news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await batch.news.wait()
        finally:
            self._close(provider, call, batch)
        keys = tuple(batch.keys)
        label = call if len(keys) > 1 else single_call
        answers: Mapping[Any, Any] = await self._send(provider, label, lambda: fetch_many(keys))
        return answers

    def _close(self, provider: str, call: str, batch: _Batch) -> None:
        batch.leaves = -math.inf
        batch.news.set()
        if self._open.get((provider, call)) is batch:
            del self._open[provider, call]
