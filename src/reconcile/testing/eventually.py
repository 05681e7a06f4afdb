"""Wait for something to become true, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

from reconcile.errors import NotFoundError

__all__ = ["eventually"]

T = TypeVar("T")


async def eventually(check: Callable[[], T | Awaitable[T]], *, timeout: float = 5.0, interval: float = 0.01) -> T:
    """Call `check` until it returns something truthy without failing, and return that.

    A check fails by returning something falsy, or by raising AssertionError or NotFoundError; any other exception
    ends the wait at once. Cancellation does too.

    Args:
        check: a plain or an async function.
        timeout: seconds in all.
        interval: seconds between two calls; it doubles up to ten times that.

    Raises:
        AssertionError: the time is up; it carries the last failure.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    pause = interval
    while True:
        failure: Exception | None = None
        outcome: object = None
        try:
            result = check()
            value: T = await result if inspect.isawaitable(result) else result
            if value:
                return value
            outcome = value
        except (AssertionError, NotFoundError) as err:
            failure = err
        if loop.time() >= deadline:
            reason = str(failure) if failure is not None else f"the check returned {outcome!r}"
            raise AssertionError(f"not true within {timeout:g} s: {reason}") from failure
        await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
        pause = min(pause * 2, interval * 10)
