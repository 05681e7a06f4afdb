"""The requests to Devolutions Server: vaults and entries, in pages, and one entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.dvls.auth import Session, plain
from eso.providers.dvls.entries import Entry, Hit, read_entry, read_hit
from eso.providers.http import error_for_status, pages, read_body, retry_after, transport_errors
from eso.transform.gojson import dumps, loads

__all__ = ["DVLSAPI"]

T = TypeVar("T")

_VAULTS: Final = "api/v1/vault"


class DVLSAPI:
    """One server, as one application.

    Args:
        http: a session.
        base: URL of the server, without slash at its end.
        session: signs in.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, session: Session, calls: ProviderCalls) -> None:
        self._http = http
        self._base = base
        self._session = session
        self._calls = calls

    async def vault(self, name: str) -> str:
        """The id of the vault with a name.

        Raises:
            InvalidRequestError: there is none, or more than one.
        """
        what = "listing vaults"
        found = [item async for item in pages(lambda token: self._page("GetVaults", _VAULTS, {}, token, what))]
        ids = [item.get("id") for item in found if item.get("name") == name]
        if len(ids) != 1:
            how = "there is none" if not ids else f"there are {len(ids)}, name it by its id"
            raise InvalidRequestError(f"vault {name}: {how} of this name that the application may see")
        if not isinstance(ids[0], str) or not ids[0]:
            raise ProviderError(f"{what}: the answer holds a vault without id")
        return ids[0]

    async def hits(self, vault: str, name: str, folder: str, *, fresh: bool = False) -> list[Hit]:
        """The credentials of a name in a folder and those below it.

        Args:
            vault: id.
            name: of the entries.
            folder: with backslashes; empty for the whole vault.
            fresh: do not share the answers of others.
        """
        what = f"looking for entry {name}"
        query = {"name": name, **({"path": folder} if folder else {})}
        path = f"{_VAULTS}/{_segment(vault)}/entry"

        async def page(token: str) -> tuple[list[dict[str, Any]], str]:
            return await self._page("GetEntries", path, query, token, what, fresh=fresh)

        found = [read_hit(item, what) async for item in pages(page)]
        # The server takes both filters loosely.
        return [
            hit
            for hit in found
            if hit.is_credential
            and hit.name.casefold() == name.casefold()
            and (not folder or hit.path == folder or hit.path.startswith(f"{folder}\\"))
        ]

    async def entry(self, vault: str, identity: str, *, fresh: bool = False) -> Entry:
        """One entry.

        Raises:
            NoSecretError: it does not exist.
        """
        what = f"reading entry {identity}"

        async def fetch() -> Entry:
            body = await self._sent("GET", _place(vault, identity), what)
            # Numbers keep their digits: what is not known here is written back as it was.
            return read_entry(_json(body, what, exact=True), what, identity)

        return await self._read("GetEntry", (vault, identity), fetch, fresh=fresh)

    async def update(self, vault: str, identity: str, content: Mapping[str, Any]) -> None:
        """Write an entry, and read it again to make sure of it."""
        what = f"writing entry {identity}"
        body = dumps(content, escape_html=False).encode()
        place = _place(vault, identity)
        await self._calls.write("UpdateEntry", lambda: self._sent("PUT", place, what, body=body))
        await self.entry(vault, identity, fresh=True)

    async def delete(self, vault: str, identity: str) -> None:
        """Remove an entry.

        Raises:
            NoSecretError: it does not exist.
        """
        place = _place(vault, identity)
        await self._calls.write("DeleteEntry", lambda: self._sent("DELETE", place, f"deleting entry {identity}"))

    async def _page(
        self, call: str, path: str, query: Mapping[str, str], token: str, what: str, *, fresh: bool = False
    ) -> tuple[list[dict[str, Any]], str]:
        number = int(token or 1)
        full = {**query, "page": str(number)}

        async def fetch() -> Any:
            try:
                return _json(await self._sent("GET", f"{path}?{urlencode(full)}", what), what)
            except NoSecretError as err:
                raise plain(err) from err

        answer = await self._read(call, (path, *sorted(full.items())), fetch, fresh=fresh)
        items = answer.get("data") if isinstance(answer, dict) else None
        last = answer.get("totalPage") if isinstance(answer, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ProviderError(f"{what}: the answer has no list")
        more = bool(items) and isinstance(last, float) and number < last
        return items, str(number + 1) if more else ""

    async def _read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]], *, fresh: bool) -> T:
        return await (self._calls.write(call, fetch) if fresh else self._calls.read(call, key, fetch))

    async def _sent(self, method: str, path: str, what: str, *, body: bytes | None = None) -> bytes:
        """The answer's body; one refusal of the session is answered by signing in anew."""
        # Names are escaped as a whole, which must not be undone.
        url = URL(f"{self._base}/{path}", encoded=True)
        again = True
        while True:
            token = await self._session.token()
            headers = {"tokenId": token.reveal_text(), "Content-Type": "application/json"}
            with transport_errors(what):
                async with self._http.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    if response.status == 401 and again:
                        again = False
                        self._session.forget(token)
                        continue
                    if response.status not in (200, 201):
                        raise error_for_status(response.status, what, wait=retry_after(response.headers))
                    return await read_body(response, what)


def _segment(text: str) -> str:
    return quote(text, safe="")


def _place(vault: str, identity: str) -> str:
    return f"{_VAULTS}/{_segment(vault)}/entry/{_segment(identity)}"


def _json(body: bytes, what: str, *, exact: bool = False) -> Any:
    try:
        return loads(body, exact=exact)
    except ValueError:
        raise ProviderError(f"{what}: the provider's answer is not JSON") from None
