"""One run for everybody who wants the same thing at the same time."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from eso.errors import EsoError, UnavailableError

__all__ = ["Flight", "SingleFlight", "fresh_error", "retrieve"]

T = TypeVar("T")


class Flight(Generic[T]):
    """A run that several wait for; it is cancelled when the last of them is.

    Attributes:
        started: loop time when it began.
    """

    def __init__(self, run: Callable[[], Awaitable[T]], started: float) -> None:
        self.started = started
        self._waiting = 0
        self._task: asyncio.Task[T] = asyncio.get_running_loop().create_task(_awaited(run))
        self._task.add_done_callback(retrieve)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    @property
    def joinable(self) -> bool:
        """Whether it can still be waited for: it was not cancelled."""
        return not self._task.cancelled() and self._task.cancelling() == 0

    async def result(self) -> T:
        """What the run returned or raised, for each who waits.

        Errors of the operator are raised as copies, so that their tracebacks do not grow into each other.
        """
        self._waiting += 1
        try:
            await asyncio.wait({self._task})
        finally:
            self._waiting -= 1
            if self._waiting == 0 and not self._task.done():
                await self.cancel()
        if self._task.cancelled():
            raise UnavailableError("the read was given up because the client of the store was closed")
        try:
            return self._task.result()
        except EsoError as err:
            raise fresh_error(err) from err

    async def cancel(self) -> None:
        """End the run and wait until it has cleaned up."""
        self._task.cancel()
        await asyncio.wait({self._task})


def retrieve(task: asyncio.Task[Any]) -> None:
    """Mark a task's error as seen: it may have failed just as the last who waited was cancelled."""
    if not task.cancelled():
        task.exception()


async def _awaited(run: Callable[[], Awaitable[T]]) -> T:
    return await run()


class SingleFlight(Generic[T]):
    """Runs by key: whoever asks while one is under way gets its result."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight[T]] = {}

    async def run(self, key: Hashable, run: Callable[[], Awaitable[T]]) -> T:
        """The result of the run under way for the key, or of a new one."""
        flight = self._flights.get(key)
        if flight is None or flight.done or not flight.joinable:
            flight = self._flights[key] = Flight(run, asyncio.get_running_loop().time())
        try:
            return await flight.result()
        finally:
            if flight.done and self._flights.get(key) is flight:
                del self._flights[key]

    async def close(self) -> None:
        """Cancel every run."""
        for flight in list(self._flights.values()):
            await flight.cancel()
        self._flights.clear()


def fresh_error(err: EsoError) -> EsoError:
    """A copy of an error of the operator to be raised on its own."""
    return copy.copy(err)
