"""Requests to an Akeyless gateway, or to Akeyless itself: JSON over POST, below the URL of API version 2."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from eso.errors import AccessDeniedError, InvalidSpecError, ProviderError
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import dumps, loads

__all__ = ["Gateway", "TokenRefusedError"]

_PUBLIC: Final = "https://api.akeyless.io"
_V2: Final = "/v2"
_MARK: Final = b"unknown command"
"""What the API of version 2 says to a request without command."""

_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}
_PASSING: Final = frozenset({401, 403, 407, 408, 425, 429})
"""Answers that say nothing about what is at a URL; nor do those from 500."""


class TokenRefusedError(AccessDeniedError):
    """The gateway does not know who is asking: signing in anew may help."""


class Gateway:
    """Sends requests; which URL they go to is found out by the first one.

    Args:
        http: a session.
        url: of the store; empty for Akeyless itself.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._lock = asyncio.Lock()
        self._base = _PUBLIC if not self._url else self._url if self._url.endswith(_V2) else ""

    @property
    def url(self) -> str:
        """Where the store says that the gateway is."""
        return self._url or _PUBLIC

    async def post(self, path: str, document: Mapping[str, Any], what: str) -> Any:
        """The answer to a command.

        Args:
            path: name of the command.
            document: its parameters.
            what: the operation in our own words, for messages.

        Raises:
            TokenRefusedError: 401.
            NoSecretError: 404, which need not mean that a secret is missing.
            ProviderError: by another status; or the answer is not JSON.
        """
        url = f"{await self._base_url(what)}/{path}"
        body = dumps(document, escape_html=False).encode()
        with transport_errors(what):
            async with self._http.post(url, data=body, headers=_JSON, allow_redirects=False) as response:
                if response.status >= 300:
                    error = error_for_status(response.status, what, wait=retry_after(response.headers))
                    raise TokenRefusedError(str(error)) if response.status == 401 else error
                answer = await read_body(response, what)
        try:
            return loads(answer)
        except ValueError as err:
            raise ProviderError(f"{what}: the provider's answer is not JSON") from err

    async def _base_url(self, what: str) -> str:
        """The URL that commands are appended to: the store's own, or that of the API of version 2 at its host."""
        async with self._lock:
            if self._base:
                return self._base
            with transport_errors(what):
                async with self._http.post(self._url, headers=_JSON, allow_redirects=False) as response:
                    body = await read_body(response, what)
                    status = response.status
            base = self._url if _MARK in body else _at_host(self._url)
            if _MARK in body or not (status in _PASSING or status >= 500):
                self._base = base
            return base


def _at_host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise InvalidSpecError("akeylessGWApiURL is not a URL") from err
    return f"{parts.scheme}://{parts.netloc}{_V2}"
