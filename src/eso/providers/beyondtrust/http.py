"""One request to Password Safe, sent again where that can do no harm and may help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.transform.gojson import loads

__all__ = ["Answer", "Transport"]

_TRIES: Final = 3
_JITTER: Final = 0.5
"""Part by which pauses differ; source: the vendor's Go client, as External Secrets Operator sets it up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. It may hold values and never prints them.

    Attributes:
        status: HTTP status code.
        wait: seconds of a Retry-After.
        cookies: that it sets; empty values are to be dropped.
        body: its body.
    """

    status: int
    wait: float | None
    cookies: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    def content(self, what: str) -> bytes:
        """The body of an answer that is success.

        Raises:
            ProviderError: it is none. A 404 is no NoSecretError: servers that lack an API say the same, and nothing is to be
                deleted for it.
        """
        if self.status < 300:
            return self.body
        found = error_for_status(self.status, what, wait=self.wait)
        raise InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found

    def json(self, what: str) -> Any:
        """As `content`, decoded; numbers keep their digits.

        Raises:
            ProviderError: as above, or it is not JSON.
        """
        try:
            return loads(self.content(what), exact=True)
        except ValueError:
            raise ProviderError(f"{what}: the provider's answer is not JSON") from None


class Transport:
    """Sends requests.

    Args:
        http: a session.
        url: of the API.
        pause: seconds before the second try; they double.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, *, pause: float) -> None:
        self._http = http
        self._url = URL(url.rstrip("/"), encoded=True)
        self._pause = pause

    async def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: Callable[[], Any] | None = None,
        repeat: bool = True,
    ) -> Answer:
        """Whatever the server answers.

        Args:
            method: of the request.
            path: below the API, escaped.
            what: the operation in our own words.
            headers: of the request.
            query: parameters.
            body: makes the body; called for each try.
            repeat: whether it may be sent again after a broken connection, a 408 or a 5xx; never after a timeout.

        Raises:
            UnavailableError: there was no answer.
            InvalidRequestError: the answer is too long.
        """
        url = URL(f"{self._url}/{path}", encoded=True)
        url = url.with_query(query) if query else url
        tries = _TRIES if repeat else 1
        with transport_errors(what):
            for number in range(tries):
                last = number == tries - 1
                try:
                    answer = await self._once(method, url, what, headers, None if body is None else body())
                except (TimeoutError, aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
                    raise
                except aiohttp.ClientConnectionError:
                    if last:
                        raise
                else:
                    if last or not _passes(answer):
                        return answer
                await asyncio.sleep(self._pause * 2**number * random.uniform(1 - _JITTER, 1 + _JITTER))
        raise AssertionError  # The last try returns or raises.

    async def _once(self, method: str, url: URL, what: str, headers: Mapping[str, str], body: Any) -> Answer:
        async with self._http.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
            content = b"" if response.status >= 300 else await read_body(response, what)
            cookies = {name: morsel.coded_value for name, morsel in response.cookies.items()}
            return Answer(response.status, retry_after(response.headers), cookies, content)


def _passes(answer: Answer) -> bool:
    """Whether it is a failure that another try may get over; one that asks to wait is left to whoever paces the store."""
    return (answer.status >= 500 or answer.status == 408) and answer.wait is None
