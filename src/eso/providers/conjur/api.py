"""The requests to Conjur: one variable, many variables, the list of variables."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.conjur.auth import Connection, SignIn
from eso.providers.http import error_for_status, pages, read_body, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads
from eso.values import SecretMap, SecretValue

__all__ = ["ConjurAPI"]

_PAGE: Final = 100
_QUERY: Final = 4000
"""Characters of a query string; servers and proxies take lines of 8 KiB."""


class ConjurAPI:
    """One Conjur, as one identity; it connects and signs in at the first request.

    Args:
        sign_in: connects and signs in.
        account: that variables belong to.
        calls: the metered way.
        clock: seconds; measures the age of access tokens.
    """

    def __init__(self, sign_in: SignIn, account: str, calls: ProviderCalls, clock: Callable[[], float]) -> None:
        self._sign_in = sign_in
        self._account = account
        self._calls = calls
        self._connecting = asyncio.Lock()
        self._connection: Connection | None = None

        async def fresh() -> tuple[SecretValue, float]:
            to = await self._connected()
            token, seconds = await calls.write("Authenticate", lambda: sign_in.access_token(to))
            return token, clock() + seconds

        self._tokens = Renewed(fresh, clock, early=0.0)

    async def variable(self, key: str) -> bytes:
        """The value of one variable.

        Raises:
            InvalidRequestError: there is none, or it has no value; never a NoSecretError, so that nothing is deleted.
        """
        what = f"reading variable {key}"
        path = f"secrets/{quote(self._account, safe='')}/variable/{quote(self._id(key), safe='')}"

        async def fetch() -> bytes:
            try:
                return (await self._get(path, {}, what))[0]
            except NoSecretError as err:
                raise InvalidRequestError(f"{err}: it does not exist, has no value, or may not be seen") from err

        return await self._calls.read("RetrieveSecret", key, fetch)

    async def variables(self) -> list[tuple[str, dict[str, str]]]:
        """Id and annotations of each variable that the identity may see."""
        found = []
        prefix = f"{self._account}:variable:"
        async for resource in pages(self._page):
            identity = resource.get("id")
            if not isinstance(identity, str):
                raise ProviderError("listing variables: the answer holds a resource without id")
            if identity.startswith(prefix):
                found.append((identity.removeprefix(prefix), _annotations(resource)))
        return found

    async def values(self, ids: Sequence[str]) -> SecretMap:
        """The values of many variables, by few requests.

        Raises:
            ProviderError: one of them has no value, or may not be read.
        """
        found: SecretMap = {}
        for chunk in _chunks([each for each in ids if "," not in each], self._full):
            found.update(await self._calls.read("RetrieveBatchSecrets", tuple(chunk), partial(self._many, chunk)))
        for each in ids:
            if "," in each:  # the batch separates ids by commas
                found[each] = SecretValue(await self.variable(each))
        return {each: found[each] for each in ids}

    async def _page(self, token: str) -> tuple[list[dict[str, Any]], str]:
        offset = int(token or 0)
        what = "listing variables"
        query = {"kind": "variable", "limit": str(_PAGE), "offset": str(offset)}

        async def fetch() -> list[dict[str, Any]]:
            try:
                body, _ = await self._get(f"resources/{quote(self._account, safe='')}", query, what)
            except NoSecretError as err:
                raise InvalidRequestError(str(err)) from err
            found = _json(body, what)
            if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
                raise ProviderError(f"{what}: the answer is not a list")
            return found

        found = await self._calls.read("ListResources", offset, fetch)
        return found, str(offset + _PAGE) if len(found) >= _PAGE else ""

    async def _many(self, ids: Sequence[str]) -> SecretMap:
        what = f"reading {len(ids)} variables"
        query = {"variable_ids": ",".join(map(self._full, ids))}
        try:
            # Conjur refuses to put binary values into JSON unless it may encode them.
            body, headers = await self._get("secrets", query, what, {"Accept-Encoding": "base64"})
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}: at least one of them has no value, or may not be read") from err
        found = _json(body, what)
        if not isinstance(found, dict):
            raise ProviderError(f"{what}: the answer is not an object")
        encoded = headers.get("Content-Encoding", "").lower() == "base64"
        return {each: _value(found.get(self._full(each)), encoded, what) for each in ids}

    async def _get(
        self, path: str, query: Mapping[str, str], what: str, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers of an answer; one refusal of the token is answered by signing in anew."""
        to = await self._connected()
        # Ids are escaped as a whole, which must not be undone.
        url = URL(f"{to.base}/{path}" + (f"?{urlencode(query)}" if query else ""), encoded=True)
        again = True
        while True:
            token = await self._tokens.get()
            sent = {**(headers or {}), "Authorization": token.reveal_text()}
            with transport_errors(what):
                async with to.http.get(url, headers=sent, allow_redirects=False) as response:
                    if response.status == 401 and again:
                        again = False
                        self._tokens.forget(token)
                        continue
                    return await _read(response, what), response.headers

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None:
                self._connection = await self._sign_in.connect()
            return self._connection

    def _id(self, key: str) -> str:
        """The bare id: a key may carry `variable:`, or the account and `variable:`."""
        for prefix in (f"{self._account}:variable:", "variable:"):
            if key.startswith(prefix):
                return key.removeprefix(prefix)
        return key

    def _full(self, key: str) -> str:
        return f"{self._account}:variable:{key}"


async def _read(response: aiohttp.ClientResponse, what: str) -> bytes:
    if response.status >= 300:
        raise error_for_status(response.status, what, wait=retry_after(response.headers))
    return await read_body(response, what)


def _json(body: bytes, what: str) -> Any:
    try:
        return loads(body)
    except ValueError as err:
        raise ProviderError(f"{what}: the provider's answer is not JSON") from err


def _annotations(resource: Mapping[str, Any]) -> dict[str, str]:
    listed = resource.get("annotations")
    pairs = listed if isinstance(listed, list) else []
    return {str(pair.get("name")): str(pair.get("value")) for pair in pairs if isinstance(pair, dict)}


def _value(found: Any, encoded: bool, what: str) -> SecretValue:
    if not isinstance(found, str):
        raise ProviderError(f"{what}: the answer lacks a value that was asked for")
    if not encoded:
        return SecretValue(found)
    try:
        return SecretValue(base64.b64decode(found))
    except binascii.Error:
        raise ProviderError(f"{what}: the answer holds a value that is not base64") from None


def _chunks(ids: Sequence[str], full: Callable[[str], str]) -> Iterator[list[str]]:
    """Ids whose query string is not too long; one that is so by itself goes alone."""
    chunk: list[str] = []
    size = 0
    for each in ids:
        length = len(quote(full(each), safe="")) + 3
        if chunk and size + length > _QUERY:
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += length
    if chunk:
        yield chunk
