"""NTLM sign-in: a handshake of three messages on one connection."""

from __future__ import annotations

import base64
import importlib
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from eso.errors import AccessDeniedError, NotModifiedError, ProviderNotAvailableError
from eso.providers.http import error_for_status, retry_after
from eso.values import SecretValue

__all__ = ["NtlmCredentials", "authenticated"]

Attempt = Callable[[dict[str, str]], Awaitable[tuple[int, dict[str, str], bytes]]]

_WHAT = "signing in by NTLM"


@dataclass(frozen=True, slots=True)
class NtlmCredentials:
    """User, with the domain in front if there is one, and password."""

    username: SecretValue
    password: SecretValue


async def authenticated(credentials: NtlmCredentials, attempt: Attempt) -> bytes:
    """The body of the request that `attempt` sends, after the handshake.

    Raises:
        AccessDeniedError: the server does not speak NTLM, or refuses the user.
        ProviderNotAvailableError: the extra `ntlm` is not installed.
        ProviderError: by status.
    """
    try:
        spnego: Any = importlib.import_module("spnego")
    except ImportError as err:
        raise ProviderNotAvailableError('NTLM needs pyspnego: install it with pip install "eso[ntlm]"') from err
    context = spnego.client(credentials.username.reveal_text(), credentials.password.reveal_text(), protocol="ntlm")
    token: bytes | None = None
    for _ in range(2):
        try:
            message = context.step(token)
        except (spnego.exceptions.SpnegoError, ValueError, LookupError, struct.error):
            # A malformed challenge makes the parser fail in all these ways; its text may quote what the server sent.
            raise AccessDeniedError(f"{_WHAT}: the server's challenge cannot be answered") from None
        header = {"Authorization": "NTLM " + base64.b64encode(message or b"").decode()}
        status, headers, body = await attempt(header)
        if status == 304:
            raise NotModifiedError(f"{_WHAT}: not modified")
        if status != 401:
            if 200 <= status < 300:
                return body
            raise error_for_status(status, "the request after NTLM sign-in", wait=retry_after(headers))
        token = _challenge(headers)
        if token is None:
            break
    raise AccessDeniedError(f"{_WHAT}: the server refused the user or does not speak NTLM")


def _challenge(headers: dict[str, str]) -> bytes | None:
    """The token of the scheme NTLM, among all that the server offers."""
    offered = next((value for name, value in headers.items() if name.lower() == "www-authenticate"), "")
    for offer in offered.split(","):
        scheme, _, text = offer.strip().partition(" ")
        if scheme.upper() == "NTLM" and text:
            try:
                return base64.b64decode(text, validate=True)
            except ValueError:
                return None
    return None
