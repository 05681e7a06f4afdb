"""The requests to a Password Depot Enterprise Server: sign in, list databases and entries, read an entry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import AccessDeniedError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["Credentials", "PasswordDepotAPI"]

_SIGN_IN: Final = "signing in at Password Depot"
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Credentials(NamedTuple):
    """Of a user; each fits into a header."""

    username: SecretValue
    password: SecretValue

    def headers(self) -> dict[str, str]:
        """As a sign-in carries them.

        Raises:
            InvalidSpecError: one of them cannot be sent.
        """
        return {"user": _sendable(self.username, "username"), "pass": _sendable(self.password, "password")}


class _SessionRefusedError(AccessDeniedError):
    """The session is not, or no longer, valid: a new one may be."""


class _Session(NamedTuple):
    client: SecretValue
    token: SecretValue


class PasswordDepotAPI:
    """One server, as one user.

    Args:
        http: a session.
        url: of the server, without slash at its end.
        credentials: of the user.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, credentials: Credentials, calls: ProviderCalls) -> None:
        self._http = http
        self._base = f"{url}/v1.0/"
        self._calls = calls
        headers = credentials.headers()

        async def request() -> tuple[_Session, float]:
            answer = await calls.write("Login", lambda: self._get("login", {}, _SIGN_IN, headers))
            return _session(answer), math.inf

        self._sessions = Renewed(request, lambda: 0.0, early=0.0)

    async def sign_in(self) -> None:
        """Make sure that there is a session.

        Raises:
            ProviderError: the server refused, or did not answer.
        """
        await self._sessions.get()

    async def databases(self) -> Sequence[Mapping[str, Any]]:
        """Every database that the user may see."""
        what = "listing the databases of Password Depot"

        async def fetch() -> Sequence[Mapping[str, Any]]:
            return _listed(await self._signed("list", {}, what), "databases", what)

        return await self._calls.read("ListDatabases", "databases", fetch)

    async def entries(self, database: str, folder: str, name: str) -> Sequence[Mapping[str, Any]]:
        """What is in a folder.

        Args:
            database: fingerprint.
            folder: fingerprint; empty for the top.
            name: of the folder, for messages.
        """
        what = f"listing the entries of {name} of Password Depot"
        query = {"db": database, **({"folder": folder} if folder else {})}

        async def fetch() -> Sequence[Mapping[str, Any]]:
            return _listed(await self._signed("list", query, what), "entries", what)

        return await self._calls.read("ListEntries", (database, folder), fetch)

    async def entry(self, database: str, entry: str, name: str) -> Mapping[str, Any]:
        """All fields of an entry.

        Args:
            database: fingerprint.
            entry: fingerprint.
            name: of the entry, for messages.
        """
        what = f"reading {name} of Password Depot"
        query = {"db": database, "entry": entry}
        return await self._calls.read("ReadEntry", (database, entry), lambda: self._signed("read", query, what))

    async def _signed(self, path: str, query: Mapping[str, str], what: str) -> dict[str, Any]:
        """One refusal of the session is answered by signing in anew."""
        session = await self._sessions.get()
        try:
            return await self._get(path, query, what, _headers(session))
        except _SessionRefusedError:
            self._sessions.forget(session)
        return await self._get(path, query, what, _headers(await self._sessions.get()))

    async def _get(self, path: str, query: Mapping[str, str], what: str, headers: Mapping[str, str]) -> dict[str, Any]:
        url = URL(self._base + path + (f"?{urlencode(query, quote_via=quote)}" if query else ""), encoded=True)
        with transport_errors(what):
            async with self._http.get(url, headers=headers, allow_redirects=False) as response:
                if response.status >= 300:
                    raise _refusal(response, what)
                answer = await read_json(response, what)
        if not isinstance(answer, dict):
            raise ProviderError(f"{what}: the answer is not a JSON object")
        return answer


def _refusal(response: aiohttp.ClientResponse, what: str) -> ProviderError:
    found = error_for_status(response.status, what, wait=retry_after(response.headers))
    if response.status == 401:
        return _SessionRefusedError(str(found))
    # What is not there is an error, so that nothing is deleted.
    return InvalidRequestError(str(found)) if isinstance(found, NoSecretError) else found


def _session(answer: Mapping[str, Any]) -> _Session:
    parts = [answer.get(name) for name in ("client_id", "access_token")]
    if not all(isinstance(part, str) and _TOKEN.fullmatch(part) for part in parts):
        raise ProviderError(f"{_SIGN_IN}: the answer has no client_id or no access_token")
    return _Session(*(SecretValue(str(part)) for part in parts))


def _headers(session: _Session) -> dict[str, str]:
    return {"client_id": session.client.reveal_text(), "access_token": session.token.reveal_text()}


def _listed(answer: Mapping[str, Any], name: str, what: str) -> list[Mapping[str, Any]]:
    """The named things in a list; an empty one may be absent."""
    found = answer.get(name)
    listed = [] if found is None else found
    if not isinstance(listed, list) or not all(
        isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("fingerprint"), str)
        for each in listed
    ):
        raise ProviderError(f"{what}: the answer has no list of {name} with name and fingerprint")
    return listed


def _sendable(value: SecretValue, key: str) -> str:
    try:
        text = value.reveal().decode()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or text != text.strip():
        raise InvalidSpecError(
            f"missing credentials while setting auth: {key} is empty, has spaces or line breaks around it, or is not text"
        )
    return text
