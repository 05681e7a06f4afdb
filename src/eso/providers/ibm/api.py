"""The requests to Secrets Manager: a secret by its id, or by group, type and name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError, ThrottledError, UnavailableError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.providers.ibm.model import Answer, Place
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["IBMAPI", "LIMIT", "Retries"]

T = TypeVar("T")

LIMIT: Final = 120.0
"""Seconds for one read, with its retries; source: External Secrets Operator."""


class Retries(NamedTuple):
    """How often a read is tried again.

    Attributes:
        most: tries after the first.
        longest: seconds between two of them at most; a vendor that asks for more is not tried again here.
        first: seconds before the first one; they double.
    """

    most: int
    longest: float
    first: float


class IBMAPI:
    """One instance of Secrets Manager.

    Args:
        http: a session.
        url: of the instance.
        tokens: of one identity.
        calls: the metered way.
        retries: after throttling, failures and broken connections.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        tokens: Renewed[SecretValue],
        calls: ProviderCalls,
        retries: Retries,
    ) -> None:
        self._http = http
        self._base = f"{url.rstrip('/')}/api/v2"
        self._tokens = tokens
        self._calls = calls
        self._retries = retries

    async def secret(self, place: Place) -> Answer:
        """A secret with all its fields.

        Raises:
            InvalidRequestError: there is none; never a NoSecretError, so that nothing is deleted.
        """
        if place.group:
            call, what = "GetSecretByNameType", f"reading secret {'/'.join(place)}"
            path = "/".join(
                ("secret_groups", _segment(place.group), "secret_types", place.type, "secrets", _segment(place.name))
            )
        else:
            call, what = "GetSecret", f"reading secret {place.name}"
            path = f"secrets/{_segment(place.name)}"

        async def fetch() -> Answer:
            with transport_errors(what):
                async with asyncio.timeout(LIMIT):
                    return await _retried(lambda: self._get(path, what), self._retries)

        # Ids are unique among all types.
        return await self._calls.read(call, path, fetch)

    async def _get(self, path: str, what: str) -> Answer:
        # Names are escaped as a whole, which must not be undone.
        url = URL(f"{self._base}/{path}", encoded=True)
        again = True
        while True:
            token = await self._tokens.get()
            headers = {"Accept": "application/json", "Authorization": f"Bearer {token.reveal_text()}"}
            with transport_errors(what):
                async with self._http.get(url, headers=headers, allow_redirects=False) as response:
                    if response.status == 401 and again:
                        again = False
                        self._tokens.forget(token)
                        continue
                    return await _answer(response, what)


async def _answer(response: aiohttp.ClientResponse, what: str) -> Answer:
    if response.status >= 300:
        found = error_for_status(response.status, what, wait=retry_after(response.headers))
        if isinstance(found, NoSecretError):
            raise InvalidRequestError(str(found))
        raise found
    answer: Any = await read_json(response, what)
    if not isinstance(answer, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return answer


async def _retried(send: Callable[[], Awaitable[T]], retries: Retries) -> T:
    pause = retries.first
    for _ in range(retries.most):
        try:
            return await send()
        except (ThrottledError, UnavailableError) as err:
            wanted = err.retry_after if err.retry_after is not None else min(pause, retries.longest)
            if wanted > retries.longest:
                raise
        await asyncio.sleep(wanted)
        pause *= 2
    return await send()


def _segment(text: str) -> str:
    return quote(text, safe="")
