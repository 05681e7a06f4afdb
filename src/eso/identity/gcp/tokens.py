"""Access tokens of Google, out of the answers of its endpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from eso.errors import ProviderError
from eso.identity.gcp.http import Answer, text_of

__all__ = ["AccessToken", "impersonated_token_of", "token_of"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and when it ends (Unix seconds)."""

    value: str
    expiry: int

    def __repr__(self) -> str:
        return f"AccessToken(expiry={self.expiry})"


def token_of(answer: Answer, what: str, now: datetime) -> AccessToken:
    """The token in an answer of OAuth, of a token exchange or of the metadata server.

    Raises:
        ProviderError: the answer is a refusal, or holds no token.
    """
    if answer.status != 200:
        raise answer.error(what)
    token = text_of(answer, "access_token", what)
    lifetime = answer.content.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not math.isfinite(lifetime):
        raise ProviderError(f"{what}: the answer names no end of the token")
    return AccessToken(token, int(now.timestamp() + lifetime))


def impersonated_token_of(answer: Answer, what: str) -> AccessToken:
    """The token in an answer of generateAccessToken.

    Raises:
        ProviderError: the answer is a refusal, or holds no token.
    """
    if answer.status != 200:
        raise answer.error(what)
    try:
        expiry = datetime.fromisoformat(text_of(answer, "expireTime", what))
    except ValueError:
        raise ProviderError(f"{what}: the answer names no end of the token") from None
    if expiry.tzinfo is None:
        expiry = expiry.replace(tzinfo=UTC)
    return AccessToken(text_of(answer, "accessToken", what), int(expiry.timestamp()))
