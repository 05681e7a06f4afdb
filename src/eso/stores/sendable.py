"""Refusing requests that cannot be sent because of a credential, with the name of the Secret that it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from eso.errors import InvalidSpecError
from eso.values import SecretValue

__all__ = ["SendableHeaders"]

_UNSENDABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""Control characters, which aiohttp refuses by a ValueError, and bytes that are not UTF-8 as `SecretValue` reads them."""


class SendableHeaders:
    """Checks the headers of all requests of one client before they are sent.

    aiohttp answers a credential with a line break at its end by a ValueError in the middle of a request; nobody can tell from it
    which Secret to correct.
    """

    def __init__(self) -> None:
        # Credentials that no header can carry, by where they are. Most are keys in PEM, which no header is meant to.
        self._suspects: dict[str, SecretValue] = {}

    def remember(self, place: str, value: SecretValue) -> None:
        """Note where a credential came from, so that a refusal can name it.

        Args:
            place: for messages, for example `key "token" of secret "app/vendor"`.
            value: which is not repeated.
        """
        if _UNSENDABLE.search(value.reveal_text()):
            self._suspects[place] = value
        else:
            self._suspects.pop(place, None)

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse what cannot be sent.

        Raises:
            InvalidSpecError: a value has a control character, or is no text. It is told by the name of its header.
        """
        for name, value in headers.items():
            if not _UNSENDABLE.search(value):
                continue
            holder = next((place for place, held in self._suspects.items() if held.reveal_text() in value), "")
            subject = f"{holder} cannot be sent as header {name}" if holder else f"header {name} cannot be sent"
            raise InvalidSpecError(
                f"{subject}: it holds a line break, perhaps at its end, another control character or bytes that are no text"
            )

    def tracing(self) -> aiohttp.TraceConfig:
        """Settings of a session that check each of its requests."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._starting)
        return config

    async def _starting(self, session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        self.check(params.headers)
        # What follows would be other ValueErrors.
        try:
            host, named = params.url.host, params.url.user is not None or params.url.password is not None
        except ValueError as err:
            raise InvalidSpecError("the URL is not valid: check its host and its port") from err
        if named and "Authorization" in params.headers:
            raise InvalidSpecError(
                f"the URL of {host} holds a user name or a password, but requests carry other credentials: take it out"
            )
