"""The requests to Barbican: the payload of a secret, and the list of secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.barbican.auth import Keystone, Scoped
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, pages, read_body, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads

__all__ = ["BarbicanAPI"]

_FIRST: Final = "limit=100"
"""The most that Barbican gives at once."""

_EARLY: Final = 60.0
"""Seconds before its end at which a token is replaced."""

_DOTS: Final = ("", ".", "..")


class BarbicanAPI:
    """The secrets of one project.

    Args:
        http: a session of the client.
        keystone: signs in.
        calls: the metered way.
        clock: wall clock in seconds of the epoch.
    """

    def __init__(
        self, http: aiohttp.ClientSession, keystone: Keystone, calls: ProviderCalls, clock: Callable[[], float]
    ) -> None:
        self._http = http
        self._calls = calls

        async def sign_in() -> tuple[Scoped, float]:
            return await calls.write("Authenticate", keystone.sign_in)

        self._tokens = Renewed(sign_in, clock, early=_EARLY)

    async def start(self) -> None:
        """Sign in, unless that was done before.

        Raises:
            ProviderError: it was refused.
        """
        await self._tokens.get()

    async def payload(self, identity: str) -> bytes:
        """The payload of a secret.

        Raises:
            InvalidRequestError: there is none, or it is not text; never a NoSecretError, so that nothing is deleted.
        """
        if identity in _DOTS:
            raise InvalidRequestError(f"{identity!r} is not the id of a secret of Barbican, which are UUIDs")
        what = f"reading secret {identity} from Barbican"
        path = f"secrets/{quote(identity, safe='')}/payload"
        return await self._calls.read("GetPayload", identity, lambda: self._get(path, "text/plain", what))

    async def names(self) -> list[tuple[str, str]]:
        """Id and name of each secret of the project; one without name has an empty one."""
        what = "listing the secrets of Barbican"

        async def page(query: str) -> tuple[list[tuple[str, str]], str]:
            path = f"secrets?{query or _FIRST}"
            body = await self._calls.read("ListSecrets", path, lambda: self._get(path, "application/json", what))
            return _page(body, what)

        return [each async for each in pages(page)]

    async def _get(self, path: str, accept: str, what: str) -> bytes:
        """The body of an answer; one refusal of the token is answered by signing in anew."""
        again = True
        while True:
            scoped = await self._tokens.get()
            headers = {"Accept": accept, "X-Auth-Token": scoped.token.reveal_text()}
            try:
                url = URL(f"{scoped.endpoint}/{path}", encoded=True)
            except ValueError as err:
                raise ProviderError(f"{what}: the endpoint in the catalogue is not a URL") from err
            with transport_errors(what):
                async with self._http.get(url, headers=headers, allow_redirects=False) as response:
                    if response.status == 401 and again:
                        again = False
                        self._tokens.forget(scoped)
                        continue
                    if response.status == 200:
                        return await read_body(response, what)
                    raise _error(response.status, what, response.headers)


def _error(status: int, what: str, headers: Mapping[str, str]) -> ProviderError:
    if status == 406:
        return InvalidRequestError(f"{what}: its payload is not text/plain, which is all that can be read")
    found = error_for_status(status, what, wait=retry_after(headers))
    return InvalidRequestError(f"{found}: it does not exist") if isinstance(found, NoSecretError) else found


def _page(body: bytes, what: str) -> tuple[list[tuple[str, str]], str]:
    """Ids and names of a page, and the query of the next one.

    Of the link only the query counts: its host is what the service believes to be called, and would get the token.
    """
    try:
        found: Any = loads(body)
    except ValueError as err:
        raise ProviderError(f"{what}: the answer is not JSON") from err
    listed = found.get("secrets") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ProviderError(f"{what}: the answer is not a list of secrets")
    try:
        following = urlsplit(str(found.get("next") or "")).query
    except ValueError as err:
        raise ProviderError(f"{what}: the answer has a link that is not a URL") from err
    return [
        (str(each.get("secret_ref") or "").rpartition("/")[2], str(each.get("name") or "")) for each in listed
    ], following
