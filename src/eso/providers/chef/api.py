"""The requests to a Chef Infra Server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.chef.signing import Signer
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["ChefAPI"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]+")
"""What Chef allows in names of data bags and items; those of users are stricter."""

_INVALID: Final = "unable to validate provided store. Check if username, serverUrl and privateKey are correct"


class ChefAPI:
    """One organisation, as one user.

    Args:
        http: a session.
        signer: signs.
        calls: the metered way.
        url: of the organisation, with a slash at its end.
        now: the wall clock.
    """

    def __init__(
        self, http: aiohttp.ClientSession, signer: Signer, calls: ProviderCalls, url: URL, now: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._signer = signer
        self._calls = calls
        # The server hashes the path with single slashes.
        self._base = url.with_path(re.sub("/+", "/", url.path))
        self._now = now

    async def item(self, bag: str, item: str) -> SecretValue:
        """An item as JSON.

        Raises:
            ProviderError: there is none, or it could not be read; never a NoSecretError.
        """
        what = f"data bag item {item} not found in data bag {bag}"

        async def fetch() -> SecretValue:
            return SecretValue(dumps(await self._get(["data", _name(bag, what), _name(item, what)], what)))

        return await self._calls.read("GetDataBagItem", (bag, item), fetch)

    async def items(self, bag: str) -> list[str]:
        """The names of the items in a data bag.

        Raises:
            ProviderError: there is no such data bag, or it could not be read; never a NoSecretError.
        """
        what = f"unable to list items in data bag {bag}, may be given data bag doesn't exists or it is empty"

        async def fetch() -> list[str]:
            found = await self._get(["data", _name(bag, what)], what)
            if not isinstance(found, dict):
                raise ProviderError(f"{what}: the answer is not a JSON object")
            return list(found)

        return await self._calls.read("ListDataBagItems", bag, fetch)

    async def probe(self, user: str) -> None:
        """Read the user.

        Raises:
            ProviderError: there is none, or it could not be read.
        """
        await self._calls.write("GetUser", lambda: self._get(["users", _name(user, _INVALID)], _INVALID))

    async def _get(self, parts: list[str], what: str) -> Any:
        url = self._base.joinpath(*parts)
        headers = self._signer.headers(url.path, self._now())
        try:
            with transport_errors(what):
                async with self._http.get(url, headers=headers, allow_redirects=False) as response:
                    if response.status >= 300:
                        raise error_for_status(response.status, what, wait=retry_after(response.headers))
                    return await read_json(response, what)
        except NoSecretError as err:
            raise InvalidRequestError(str(err)) from err


def _name(text: str, what: str) -> str:
    # Anything else would be another path.
    if not _NAME.fullmatch(text) or text in (".", ".."):
        raise InvalidRequestError(f"{what}: names may only hold letters, digits and any of _.:-")
    return text
