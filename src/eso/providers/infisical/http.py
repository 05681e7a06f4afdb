"""One request to Infisical, and what its refusals mean."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, ProviderError
from eso.providers.http import error_for_status, read_body, read_json, retry_after, transport_errors
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["TokenRefusedError", "Transport", "text_in"]

_RETRIES: Final = 3
_LONGEST: Final = 30.0
_JITTER: Final = 0.2
"""How a broken connection is tried again; source: the client that External Secrets Operator uses."""


class TokenRefusedError(AccessDeniedError):
    """The access token is not, or no longer, valid: a new one may be."""


class Transport:
    """Sends requests, and again where there was no connection.

    Args:
        http: a session whose base URL is the API's.
        pause: seconds before the first retry; they double.
    """

    def __init__(self, http: aiohttp.ClientSession, *, pause: float) -> None:
        self._http = http
        self._pause = pause

    async def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        token: SecretValue | None = None,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The answer, a JSON object.

        Args:
            method: of the request.
            path: relative to the API, escaped.
            what: the operation in our own words.
            token: sent as bearer.
            query: parameters.
            document: sent as JSON.

        Raises:
            ProviderError: by status, see `error_for_status`; TokenRefusedError where the token is to blame.
        """
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal_text()}"
        body = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = dumps(document, escape_html=False).encode()
        # What may have arrived is not sent twice, unless it changes nothing.
        again = aiohttp.ClientConnectionError if method == "GET" else aiohttp.ClientConnectorError
        with transport_errors(what):
            for retry in range(_RETRIES + 1):
                try:
                    async with self._http.request(
                        method,
                        path,
                        params=query,
                        data=body,
                        headers=headers,
                        # A body would take credentials and values along.
                        allow_redirects=method == "GET",
                    ) as response:
                        return await _answer(response, what)
                except (TimeoutError, aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
                    raise
                except again:
                    if retry == _RETRIES:
                        raise
                wait = min(self._pause * 2**retry, _LONGEST)
                await asyncio.sleep(wait * random.uniform(1 - _JITTER, 1 + _JITTER))
        raise AssertionError  # The last try returns or raises.


async def _answer(response: aiohttp.ClientResponse, what: str) -> dict[str, Any]:
    if response.status == 401 or (response.status == 403 and await _blames_token(response, what)):
        raise TokenRefusedError(str(error_for_status(response.status, what, wait=retry_after(response.headers))))
    if 300 <= response.status < 400:
        raise InvalidRequestError(
            f"{what}: the answer points elsewhere ({response.status}), set hostAPI to that address"
        )
    found = await read_json(response, what)
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return found


async def _blames_token(response: aiohttp.ClientResponse, what: str) -> bool:
    """Whether a 403 carries the code that Infisical gives to tokens that ended or are malformed."""
    try:
        said = loads(await read_body(response, what))
    except (ValueError, ProviderError):
        return False
    return isinstance(said, dict) and said.get("error") == "TokenError"


def text_in(answer: Mapping[str, Any], name: str, what: str) -> str:
    """A member of an answer that must be a text.

    Raises:
        ProviderError: it is not.
    """
    found = answer.get(name)
    if not isinstance(found, str):
        raise ProviderError(f"{what}: the answer has no {name}")
    return found
