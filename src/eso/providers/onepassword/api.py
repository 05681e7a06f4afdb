"""The requests to a Connect server: vaults, items, files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import aiohttp

from eso.errors import AccessDeniedError, InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, read_json, transport_errors
from eso.transform.gojson import dumps, loads

__all__ = ["ConnectAPI", "Item", "id_of", "is_id"]

T = TypeVar("T")

Item = dict[str, Any]
"""An item as the server describes it; what is not understood is kept, so that it survives a replacement."""

_ID: Final = re.compile(r"[a-z0-9]{26}")
_CONTENT: Final = re.compile(r"/?v1/vaults/[A-Za-z0-9]+/items/[A-Za-z0-9]+/files/[A-Za-z0-9]+/content")
_TRIES: Final = 3
_PAUSE: Final = 0.1
"""Seconds between tries; source: the client that External Secrets Operator uses."""


class _SpuriousError(AccessDeniedError):
    """The answer that a Connect server now and then gives to a token that it accepts."""


def is_id(text: str) -> bool:
    """Whether this looks like the id of a vault or an item."""
    return _ID.fullmatch(text) is not None


class ConnectAPI:
    """One Connect server.

    Args:
        http: a session with the token, whose base URL is the server's.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, calls: ProviderCalls) -> None:
        self._http = http
        self._calls = calls

    async def vault(self, name: str, *, fresh: bool = False) -> str:
        """The id of a vault given by title or id.

        Args:
            name: title or id.
            fresh: ask now, whatever was read before.

        Raises:
            InvalidRequestError: there is none, or several have this title.
        """
        what = f"reading vault {name} of 1Password"
        if is_id(name):
            path, query, call = f"v1/vaults/{name}", None, "GetVault"
        else:
            path, query, call = "v1/vaults", _titled(name), "GetVaults"
        with _never_missing():
            found = await self._got(call, path, query, what, fresh=fresh)
        vaults = [found] if is_id(name) else _list_of(found, what)
        if len(vaults) != 1:
            raise InvalidRequestError(f"{what}: {len(vaults)} vaults have this title, there must be exactly one")
        return id_of(vaults[0], what)

    async def items(self, vault: str) -> list[Item]:
        """The summaries of all items in a vault."""
        what = f"listing the items of vault {vault} of 1Password"
        with _never_missing():
            return _list_of(await self._got("GetItems", f"v1/vaults/{vault}/items", None, what), what)

    async def titled(self, vault: str, title: str, *, fresh: bool = False) -> list[Item]:
        """The summaries of the items with this title."""
        what = f"looking for item {title} in vault {vault} of 1Password"
        with _never_missing():
            found = await self._got("GetItems", f"v1/vaults/{vault}/items", _titled(title), what, fresh=fresh)
        return _list_of(found, what)

    async def item(self, vault: str, identity: str, *, fresh: bool = False) -> Item:
        """A whole item.

        Raises:
            NoSecretError: the vault has no such item.
        """
        what = f"reading item {identity} of 1Password"
        found = await self._got("GetItem", f"v1/vaults/{vault}/items/{identity}", None, what, fresh=fresh)
        id_of(found, what)
        return dict(found)

    async def content(self, path: str, name: str) -> bytes:
        """The bytes of a file.

        Args:
            path: as its item says.
            name: of the file, for messages.

        Raises:
            ProviderError: the path is not that of a file on this server.
        """
        what = f"reading file {name} of 1Password"
        if not _CONTENT.fullmatch(path):
            raise ProviderError(f"{what}: the answer has no content_path of a file on this server")
        relative = path.removeprefix("/")

        async def fetch() -> bytes:
            with transport_errors(what):
                async with self._http.get(relative) as response:
                    await _check(response, what)
                    return await read_body(response, what)

        with _never_missing():
            return await self._calls.read("GetFileContent", relative, lambda: _retried(fetch))

    async def create(self, item: Item, vault: str) -> None:
        """Make an item."""
        with _never_missing():
            await self._sent("CreateItem", "POST", f"v1/vaults/{vault}/items", "creating an item at 1Password", item)

    async def replace(self, item: Item, vault: str) -> None:
        """Replace an item."""
        path, what = f"v1/vaults/{vault}/items/{item['id']}", f"updating item {item['id']} at 1Password"
        with _never_missing():
            await self._sent("UpdateItem", "PUT", path, what, item)

    async def remove(self, identity: str, vault: str) -> None:
        """Delete an item; one that is gone already is a success."""
        what = f"deleting item {identity} at 1Password"
        try:
            await self._sent("DeleteItem", "DELETE", f"v1/vaults/{vault}/items/{identity}", what)
        except NoSecretError:
            return

    async def _got(
        self, call: str, path: str, query: Mapping[str, str] | None, what: str, *, fresh: bool = False
    ) -> Any:
        async def fetch() -> Any:
            with transport_errors(what):
                async with self._http.get(path, params=query) as response:
                    await _check(response, what)
                    # Exact: an item that is put back must not lose digits.
                    return await read_json(response, what, exact_numbers=True)

        if fresh:
            return await self._calls.write(call, lambda: _retried(fetch))
        key = (path, *sorted((query or {}).items()))
        return await self._calls.read(call, key, lambda: _retried(fetch))

    async def _sent(self, call: str, method: str, path: str, what: str, document: Item | None = None) -> None:
        body = None if document is None else dumps(document, escape_html=False).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}

        async def send() -> None:
            with transport_errors(what):
                # A redirect would take the item, with its values, along.
                async with self._http.request(
                    method, path, data=body, headers=headers, allow_redirects=False
                ) as response:
                    await _check(response, what)
                    if response.status >= 300:
                        raise InvalidRequestError(
                            f"{what}: the answer points elsewhere ({response.status}), set connectHost to that address"
                        )
                    await read_body(response, what)

        await self._calls.write(call, lambda: _retried(send))


@contextmanager
def _never_missing() -> Iterator[None]:
    """Only a look-up of an item tells whether there is a secret; a vault, a list or a file that is not there does not."""
    try:
        yield
    except NoSecretError as err:
        raise InvalidRequestError(str(err)) from err


async def _check(response: aiohttp.ClientResponse, what: str) -> None:
    if response.status == 403 and await _says_authorization(response, what):
        raise _SpuriousError(str(error_for_status(403, what)))
    if response.status >= 400:
        await read_json(response, what)


async def _says_authorization(response: aiohttp.ClientResponse, what: str) -> bool:
    """Whether the message has the one form that the server's passing refusals have."""
    try:
        said = loads(await read_body(response, what))
    except (ValueError, ProviderError):
        return False
    return isinstance(said, dict) and str(said.get("message")).startswith("Authorization")


async def _retried(send: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_TRIES - 1):
        try:
            return await send()
        except _SpuriousError:
            await asyncio.sleep(_PAUSE)
    return await send()


def _titled(title: str) -> dict[str, str]:
    # SCIM filters quote texts as JSON does (RFC 7644, section 3.4.2.2).
    return {"filter": f"title eq {dumps(title, escape_html=False)}"}


def _list_of(answer: Any, what: str) -> list[Item]:
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise ProviderError(f"{what}: the answer is not a list of objects")
    return answer


def id_of(answer: Any, what: str) -> str:
    """The id of a vault or an item.

    Raises:
        ProviderError: there is none, or none that may stand in a path.
    """
    found = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found.isalnum() or not found.isascii():
        raise ProviderError(f"{what}: the answer has no id")
    return found
