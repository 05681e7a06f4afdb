"""One request to Volcengine, sent again where that may help, and what its refusals mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.http import AnswerTooLongError
from eso.providers.http import BODY_LIMIT, error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import loads

__all__ = ["Transport", "UnauthenticatedError"]

_RETRIES: Final = 3
"""How often a request is sent again; source: the vendor's Go SDK."""

_LONGEST_WAIT: Final = 5.0
"""Seconds; a service that asks for a longer wait is not pressed."""

_REFUSAL: Final = 1 << 16
"""Bytes of a refusal that are read."""

_UNAUTHENTICATED: Final = frozenset(
    [
        "MissingAuthenticationToken",
        "MissingSignature",
        "InvalidAccessKey",
        "SignatureDoesNotMatch",
        "InvalidAuthorization",
        "InvalidSecurityToken",
        "SecurityTokenExpired",
        "InvalidCredential",
    ]
)
_DENIED: Final = frozenset(("LackPolicy", "AccessDenied", "InvalidTimestamp"))
_THROTTLED: Final = frozenset(("AccountFlowLimitExceeded", "FlowLimitExceeded", "RequestLimitExceeded"))
_FAILED: Final = frozenset(
    ["InternalError", "InternalServiceError", "InternalServiceTimeout", "ServiceUnavailable", "ServiceUnavailableTemp"]
)
_KNOWN: Final = _UNAUTHENTICATED | _DENIED | _THROTTLED | _FAILED | {"MissingParameter", "InvalidActionOrVersion"}
"""Codes that may be repeated; source: "Common error codes" of the vendor. Whatever else an answer says may hold a secret."""


class UnauthenticatedError(AccessDeniedError):
    """The keys were refused: others may not be."""


class Transport:
    """Sends requests.

    Args:
        http: a session.
        pause: seconds before the first retry; they double.
    """

    def __init__(self, http: aiohttp.ClientSession, *, pause: float) -> None:
        self._http = http
        self._pause = pause

    async def send(self, url: URL, body: bytes, headers: Callable[[], Mapping[str, str]], what: str) -> Any:
        """The result in the answer to a POST request.

        Args:
            url: as it is sent.
            body: as it is sent.
            headers: made anew for each try, which has a time of its own.
            what: the operation in our own words.

        Raises:
            ProviderError: by status and code; a secret that does not exist is no NoSecretError.
        """
        with transport_errors(what):
            for retry in range(_RETRIES + 1):
                wait = self._pause * 2**retry
                try:
                    async with self._http.post(url, data=body, headers=headers(), allow_redirects=False) as response:
                        return await _result(response, what)
                except (TimeoutError, aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
                    # Waiting as long again helps nobody, and a certificate stays what it is.
                    raise
                except aiohttp.ClientConnectionError:
                    if retry == _RETRIES:
                        raise
                except (ThrottledError, UnavailableError) as err:
                    asked = err.retry_after or 0.0
                    if retry == _RETRIES or asked > _LONGEST_WAIT:
                        raise
                    wait = max(wait, asked)
                await asyncio.sleep(wait)
        raise AssertionError  # The last try returns or raises.


async def _result(response: aiohttp.ClientResponse, what: str) -> Any:
    """The result of a successful answer; a refusal may come with any status."""
    refused = response.status >= 300
    try:
        found = loads(await read_body(response, what, limit=_REFUSAL if refused else BODY_LIMIT))
    except (ValueError, AnswerTooLongError) as err:
        if refused:
            raise _failure(response, "", what) from None
        if isinstance(err, AnswerTooLongError):
            raise
        raise ProviderError(f"{what}: the provider's answer is not JSON") from err
    metadata = found.get("ResponseMetadata") if isinstance(found, dict) else None
    error = metadata.get("Error") if isinstance(metadata, dict) else None
    if refused or error:
        code = error.get("Code") if isinstance(error, dict) else None
        raise _failure(response, code if isinstance(code, str) and code in _KNOWN else "", what)
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return found.get("Result")


def _failure(response: aiohttp.ClientResponse, code: str, what: str) -> ProviderError:
    status, wait = response.status, retry_after(response.headers)
    shown = f"{what}{f' ({code})' if code else ''}"
    if code in _UNAUTHENTICATED or status == 401:
        return UnauthenticatedError(str(error_for_status(401, shown)))
    for codes, as_status in ((_DENIED, 403), (_THROTTLED, 429), (_FAILED, 503)):
        if code in codes:
            return error_for_status(as_status, shown, wait=wait)
    if status < 300:
        return InvalidRequestError(f"{shown}: the provider refused it")
    found = error_for_status(status, shown, wait=wait)
    return InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found
