"""JSON keys of Google service accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import jwt

from eso.errors import InvalidSpecError

__all__ = ["member_of", "signed_claims"]

_LIFETIME: Final = 3600
"""Seconds; the longest that Google accepts."""


def member_of(info: Mapping[str, Any], name: str) -> str:
    """A member of a key that must be a text with something in it.

    Raises:
        InvalidSpecError: it is not.
    """
    found = info.get(name)
    if not isinstance(found, str) or not found:
        raise InvalidSpecError(f"the Google credentials have no {name}")
    return found


def signed_claims(info: Mapping[str, Any], audience: str, scope: str, now: datetime) -> str:
    """The JWT that a service account signs to get a token.

    Args:
        info: the key.
        audience: URL of the endpoint that it is for.
        scope: what the token is for.
        now: aware, UTC.

    Raises:
        InvalidSpecError: the key is incomplete, or holds no RSA key.
    """
    issued = int(now.timestamp())
    claims = {
        "iss": member_of(info, "client_email"),
        "scope": scope,
        "aud": audience,
        "iat": issued,
        "exp": issued + _LIFETIME,
    }
    headers = {"kid": info["private_key_id"]} if isinstance(info.get("private_key_id"), str) else None
    try:
        return jwt.encode(claims, member_of(info, "private_key"), algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise InvalidSpecError("the Google credentials hold no RSA private key") from None
