"""The HTTP side: one request, its status as an error, its body with a limit."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, InvalidSpecError, NotModifiedError
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.providers.webhook.ntlm import NtlmCredentials, authenticated
from eso.providers.webhook.request import RenderedRequest

__all__ = ["WebhookApi"]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Names of methods and headers; RFC 9110, section 5.6.2."""

_NO_VALUE: Final = re.compile("[\r\n\0\ud800-\udfff]")
"""What the value of a header may not hold; the surrogates stand for bytes that are no UTF-8."""


class WebhookApi:
    """Sends rendered requests.

    Args:
        http: the session.
        timeout: seconds for a whole request.
        ntlm: sign in by NTLM, or None.
    """

    def __init__(self, http: aiohttp.ClientSession, timeout: float, ntlm: NtlmCredentials | None) -> None:
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._ntlm = ntlm
        self._one_at_a_time = asyncio.Lock()

    async def send(self, request: RenderedRequest, what: str) -> bytes:
        """The body of the answer.

        Raises:
            NoSecretError: 404.
            NotModifiedError: 304.
            ProviderError: any other status that is not success, or no answer; never with a part of request or answer.
        """
        if self._ntlm is None:
            return await self._send(request, what, {})
        # NTLM signs in a connection, not a request: the steps of two requests must not mix.
        async with self._one_at_a_time:
            return await authenticated(self._ntlm, lambda header: self._attempt(request, what, header))

    async def _send(self, request: RenderedRequest, what: str, extra: dict[str, str]) -> bytes:
        status, headers, body = await self._attempt(request, what, extra)
        if status == 304:
            raise NotModifiedError(f"{what}: not modified")
        if not 200 <= status < 300:
            raise error_for_status(status, what, wait=retry_after(headers))
        return body

    async def _attempt(
        self, request: RenderedRequest, what: str, extra: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        url, headers = _url(request.url), _headers(request.headers, extra)
        _check(request.method, headers)
        with transport_errors(what):
            async with self._http.request(
                request.method,
                url,
                headers=headers,
                # What the body is, the template of the header says, or nobody does.
                skip_auto_headers=("Content-Type",),
                data=request.body or None,
                timeout=self._timeout,
            ) as response:
                names = dict.fromkeys(response.headers)
                answered = {name: ", ".join(response.headers.getall(name)) for name in names}
                return response.status, answered, await read_body(response, what)


def _url(text: str) -> URL:
    """The URL as it was rendered; only one with characters that cannot be sent is quoted."""
    try:
        url = URL(text, encoded=all("!" <= char <= "~" for char in text))
        if url.port is not None:  # Reading the port checks it.
            return url
    except ValueError:
        # Its text quotes a part of the URL, which may hold a credential.
        raise InvalidRequestError("the rendered URL of the webhook is not valid") from None
    raise InvalidRequestError("the rendered URL of the webhook needs a host and the scheme http or https")


def _check(method: str, headers: list[tuple[str, str]]) -> None:
    """Refuse what no request can carry; of a value only the header's name is shown, it may hold a credential."""
    if not _TOKEN.fullmatch(method):
        raise InvalidSpecError(f"method {method!r} of the webhook is not a method of HTTP")
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidSpecError(f"headers[{name}] of the webhook is not the name of a header")
        if _NO_VALUE.search(value):
            raise InvalidSpecError(f"headers[{name}] of the webhook has a line break or bytes that are not text")


def _headers(given: tuple[tuple[str, str], ...], extra: dict[str, str]) -> list[tuple[str, str]]:
    """The headers of the spec, but those in `extra` replace them, however their names are spelled."""
    replaced = {name.lower() for name in extra}
    return [*((name, value) for name, value in given if name.lower() not in replaced), *extra.items()]
