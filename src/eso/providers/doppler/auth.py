"""Tokens for Doppler: one from a Secret, or a ServiceAccount's exchanged by OIDC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from eso.errors import ProviderError
from eso.providers.renewed import Renewed
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

        async def fresh() -> tuple[SecretValue, float]:
            return _read(await exchange())

        self._tokens = Renewed(fresh, lambda: clock().timestamp(), early=_EARLY)

    async def token(self) -> SecretValue:
        """See `Tokens`.

        Raises:
            ProviderError: the exchange failed.
        """
        return await self._tokens.get()

    def refused(self, token: SecretValue) -> bool:
        """See `Tokens`."""
        self._tokens.forget(token)
        return True


def _read(answer: Any) -> tuple[SecretValue, float]:
    if not isinstance(answer, dict) or not isinstance(answer.get("token"), str) or not answer["token"]:
        raise ProviderError("exchanging a token at Doppler: the answer has no token")
    try:
        ends = datetime.fromisoformat(str(answer.get("expires_at")))
    except ValueError:
        raise ProviderError("exchanging a token at Doppler: the answer has no expires_at") from None
    return SecretValue(answer["token"]), (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
