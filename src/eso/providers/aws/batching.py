"""Reads through a batch API where the identity may use it, otherwise one by one.

The batch APIs are permissions of their own (`secretsmanager:BatchGetSecretValue`, `ssm:GetParameters`), which policies written for
single reads do not grant; and one key that is not allowed or not valid fails a whole batch of parameters. So a refused batch
says nothing about its keys: each is then asked for by itself, and answers exactly as a single read does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from eso.errors import AccessDeniedError, InvalidRequestError
from eso.providers.base import ProviderCalls

__all__ = ["BatchedReads", "read_each"]

T = TypeVar("T")

_PAUSE: Final = 600.0
"""Seconds without batches after one was refused; policies change seldom."""

_MOST_ALONE: Final = 1024
_MOST_READERS: Final = 40
"""Reads under way at once for one find: enough for full batches, and below the burst that AWS allows."""


class _BatchRefusedError(AccessDeniedError):
    """A batch did not answer for a key: ask for it by itself."""


class BatchedReads(Generic[T]):
    """Reads of one kind.

    Args:
        calls: the metered way to AWS.
        one_call: metric label of a single read.
        many_call: metric label of a batch.
        limit: keys in a batch.
        fetch_one: reads one key.
        fetch_many: reads a batch; leaves out a key that it cannot answer for.
    """

    def __init__(
        self,
        calls: ProviderCalls,
        *,
        one_call: str,
        many_call: str,
        limit: int,
        fetch_one: Callable[[str], Awaitable[T]],
        fetch_many: Callable[[Sequence[str]], Awaitable[Mapping[str, T | Exception]]],
    ) -> None:
        self._calls = calls
        self._one_call = one_call
        self._many_call = many_call
        self._limit = limit
        self._fetch_one = fetch_one
        self._fetch_many = fetch_many
        self._paused_until = 0.0
        # Keys that would fail a batch for everybody, in the order they were found.
        self._alone: dict[str, None] = {}

    async def read(self, key: str) -> T:
        """The answer to one key.

        Raises:
            ProviderError: as the single read raises it.
        """
        now = asyncio.get_running_loop().time()
        if key in self._alone or now < self._paused_until:
            return await self._read_alone(key)
        try:
            return await self._calls.read_batched(
                self._many_call, key, self._fetch, limit=self._limit, single_call=self._one_call
            )
        except _BatchRefusedError:
            return await self._read_alone(key)

    async def _read_alone(self, key: str) -> T:
        try:
            found = await self._calls.read(self._one_call, key, lambda: self._fetch_one(key))
        except (AccessDeniedError, InvalidRequestError):
            while len(self._alone) >= _MOST_ALONE:
                self._alone.pop(next(iter(self._alone)))
            self._alone[key] = None
            raise
        self._alone.pop(key, None)
        return found

    async def _fetch(self, keys: Sequence[str]) -> Mapping[str, T | Exception]:
        if len(keys) == 1:
            return {keys[0]: await self._fetch_one(keys[0])}
        try:
            found = await self._fetch_many(keys)
        except (AccessDeniedError, InvalidRequestError) as err:
            self._paused_until = asyncio.get_running_loop().time() + _PAUSE
            raise _BatchRefusedError(str(err)) from err
        refused = _BatchRefusedError("the batch holds no answer")
        return {key: found.get(key, refused) for key in keys}


async def read_each(keys: Iterable[str], read: Callable[[str], Awaitable[T]]) -> dict[str, T]:
    """The answers to many keys, a limited number at once.

    Raises:
        Exception: the first that a read raised; the others are cancelled.
    """
    turn = asyncio.Semaphore(_MOST_READERS)

    async def one(key: str) -> T:
        async with turn:
            return await read(key)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {key: group.create_task(one(key)) for key in keys}
    except ExceptionGroup as err:
        raise err.exceptions[0] from None
    return {key: task.result() for key, task in tasks.items()}
