"""A token that is replaced before it ends, for all requests of one client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

__all__ = ["Renewed"]

T = TypeVar("T")

_AHEAD: Final = 10.0
"""Seconds that a token is used whose end has passed at our clock, which then is ahead of the vendor's."""

_SHORT: Final = 1.0
"""Seconds that a token is used, at most half of its time, which is due to be replaced when it comes."""


class Renewed(Generic[T]):
    """Holds one token; requests that need a new one wait for one sign-in.

    Args:
        request: signs in; answers with the token and its end in seconds of the epoch.
        clock: wall clock in seconds of the epoch.
        early: seconds before its end at which a token is replaced.
    """

    def __init__(
        self, request: Callable[[], Awaitable[tuple[T, float]]], clock: Callable[[], float], *, early: float
    ) -> None:
        self._request = request
        self._clock = clock
        self._early = early
        self._lock = asyncio.Lock()
        self._token: T | None = None
        self._until = 0.0

    @property
    def current(self) -> T | None:
        """The token in use; None before the first sign-in and after `forget`."""
        return self._token

    async def get(self) -> T:
        """A token that is valid for some time at least.

        Raises:
            EsoError: as the sign-in raises it.
        """
        async with self._lock:
            if self._token is None or self._until < self._clock():
                self._token, ends = await self._request()
                self._until = self._clock() + self._used(ends - self._clock())
            return self._token

    def _used(self, left: float) -> float:
        """Seconds that a new token is used; never none: each request would sign in."""
        if left > self._early:
            return left - self._early
        return min(left / 2, _SHORT) if left > 0 else _AHEAD

    def forget(self, token: T | None) -> None:
        """Drop a token that was refused: the next request signs in anew. One that was replaced meanwhile stays."""
        if self._token is token:
            self._token = None
