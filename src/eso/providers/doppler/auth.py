"""Tokens for Doppler: one from a Secret, or a ServiceAccount's exchanged by OIDC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from eso.errors import ProviderError
from eso.values import SecretValue

__all__ = ["Exchanged", "Fixed", "Tokens"]

_EARLY: Final = 60.0
"""Seconds before its end at which a token is exchanged anew."""


class Tokens(Protocol):
    """Where requests get their token."""

    async def token(self) -> SecretValue:
        """A token that is valid now."""

    def refused(self, token: SecretValue) -> bool:
        """Doppler refused it; whether there may be another one."""


class Fixed:
    """A token that stays."""

    def __init__(self, token: SecretValue) -> None:
        self._token = token

    async def token(self) -> SecretValue:
        """See `Tokens`."""
        return self._token

    def refused(self, token: SecretValue) -> bool:
        """See `Tokens`."""
        return False


class Exchanged:
    """A token that ends; requests that need a new one wait for one exchange.

    Args:
        exchange: makes the request and gives Doppler's answer.
        clock: the wall clock.
    """

    def __init__(self, exchange: Callable[[], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._exchange = exchange
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: SecretValue | None = None
        self._ends = datetime.min.replace(tzinfo=UTC)

    async def token(self) -> SecretValue:
        """See `Tokens`.

        Raises:
            ProviderError: the exchange failed.
        """
        async with self._lock:
            if self._token is None or (self._ends - self._clock()).total_seconds() <= _EARLY:
                self._token, self._ends = _read(await self._exchange())
            return self._token

    def refused(self, token: SecretValue) -> bool:
        """See `Tokens`."""
        if token is self._token:
            self._token = None
        return True


def _read(answer: Any) -> tuple[SecretValue, datetime]:
    if not isinstance(answer, dict) or not isinstance(answer.get("token"), str) or not answer["token"]:
        raise ProviderError("exchanging a token at Doppler: the answer has no token")
    try:
        ends = datetime.fromisoformat(str(answer.get("expires_at")))
    except ValueError:
        raise ProviderError("exchanging a token at Doppler: the answer has no expires_at") from None
    return SecretValue(answer["token"]), ends if ends.tzinfo else ends.replace(tzinfo=UTC)
