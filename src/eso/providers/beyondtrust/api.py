"""The requests to Password Safe: secrets of Secrets Safe, credentials of managed accounts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.beyondtrust.auth import Session, Sessions
from eso.providers.beyondtrust.http import Answer, Transport
from eso.providers.beyondtrust.newsecret import CREDENTIAL, FILE, TEXT, NewSecret
from eso.providers.beyondtrust.paths import AccountPath, SecretPath
from eso.providers.writers import Writers
from eso.transform.gojson import Number, dumps, loads
from eso.values import SecretValue

__all__ = ["Found", "PasswordSafeAPI"]

_MINUTES: Final = 5
"""How long a credential is checked out at most; source: the vendor's Go client."""

_LARGEST: Final = 5_000_000
"""Bytes of a file; source: as above."""

_PATHS: Final[Mapping[str, str]] = {CREDENTIAL: "secrets", TEXT: "secrets/text", FILE: "secrets/file"}


@dataclass(frozen=True, slots=True)
class Found:
    """A secret of Secrets Safe.

    Attributes:
        identity: of the secret; may be empty.
        kind: its type, in capitals.
        folder: identity of its folder.
        username: whose password it is.
        file_name: name of the file that it is.
        password: password or text; None where the answer has none, as for files.
    """

    identity: str
    kind: str
    folder: str
    username: str
    file_name: str
    password: SecretValue | None


class PasswordSafeAPI:
    """One server, as one user.

    Args:
        transport: to the server.
        sessions: where requests get their session.
        calls: the metered way.
        version: of the API, for requests that know versions; empty for the server's own.
    """

    def __init__(self, transport: Transport, sessions: Sessions, calls: ProviderCalls, version: str) -> None:
        self._transport = transport
        self._sessions = sessions
        self._calls = calls
        self._version = {"version": version} if version else {}
        self._checked_out = Writers()

    async def secret(self, path: SecretPath, separator: str, *, decrypt: bool) -> SecretValue:
        """The value of the first secret with a title in a folder.

        Raises:
            InvalidRequestError: there is none; never a NoSecretError, so that nothing is deleted.
        """
        what = f"reading secret {path.title} in {path.folder} of BeyondTrust"
        query = {
            "path": path.folder,
            "title": path.title,
            "separator": separator,
            "decrypt": _bool(decrypt),
            **self._version,
        }

        async def fetch() -> list[Found]:
            return _listed(await self._sent("GET", "secrets-safe/secrets", what, query=query), what)

        found = await self._calls.read("GetSecret", (path, separator, decrypt), fetch)
        if not found:
            raise InvalidRequestError(f"{what}: it was not found")
        first = found[0]
        if first.kind == FILE:
            return await self.content(first, what)
        if first.password is None:
            raise ProviderError(
                f"{what}: the answer holds no value, check server.decrypt and the permissions of the user"
            )
        return first.password

    async def titled(self, title: str, *, decrypt: bool) -> list[Found]:
        """The secrets with a title, in whatever folder, as they are now."""
        what = f"looking for secrets titled {title} at BeyondTrust"
        query = {"title": title, "decrypt": _bool(decrypt)}

        async def fetch() -> list[Found]:
            answer = await self._sent("GET", "secrets-safe/secrets", what, query=query)
            return [] if answer.status == 404 else _listed(answer, what)

        return await self._calls.write("GetSecretsByTitle", fetch)

    async def content(self, found: Found, what: str) -> SecretValue:
        """The content of a file."""
        if not found.identity:
            raise ProviderError(f"{what}: the answer holds a file without Id")
        path = f"secrets-safe/secrets/{quote(found.identity, safe='')}/file/download"

        async def fetch() -> SecretValue:
            body = (await self._sent("GET", path, what, query=self._version)).content(what)
            if len(body) > _LARGEST:
                raise InvalidRequestError(f"{what}: the file is larger than {_LARGEST} bytes")
            return SecretValue(body)

        return await self._calls.read("DownloadFile", found.identity, fetch)

    async def credential(self, path: AccountPath) -> SecretValue:
        """The password of a managed account, which is checked out and in again.

        Raises:
            InvalidRequestError: there is no such account; never a NoSecretError, so that nothing is deleted.
        """

        # Requests for one account are one request at the server: the first to check in would take it from the others.
        async def fetch() -> SecretValue:
            async with self._checked_out.writing(f"{path.system}\0{path.account}"):
                return await self._checked(path)

        return await self._calls.read("GetCredential", path, fetch)

    async def folder(self, name: str) -> str:
        """The identity of the first folder with a name.

        Raises:
            InvalidRequestError: there is none.
        """
        what = "listing the folders of BeyondTrust"

        async def fetch() -> list[dict[str, Any]]:
            return _objects(
                (await self._sent("GET", "secrets-safe/folders/", what, query=self._version)).json(what), what
            )

        for folder in await self._calls.read("GetFolders", (), fetch):
            if folder.get("Name") == name:
                identity = folder.get("Id")
                if not isinstance(identity, str) or not identity:
                    raise ProviderError(f"{what}: the answer holds a folder without Id")
                return identity
        raise InvalidRequestError(f"folder {name} was not found in the list of folders, check metadata.folder_name")

    async def create(self, secret: NewSecret, folder: str) -> None:
        """Make a secret in a folder."""
        what = f"creating secret {secret.title} at BeyondTrust"
        path = f"secrets-safe/folders/{quote(folder, safe='')}/{_PATHS[secret.kind]}"

        async def send() -> None:
            document = secret.to_json((await self._sessions.get()).user)

            def multipart() -> aiohttp.FormData:
                form = aiohttp.FormData()
                form.add_field("secretmetadata", document)
                form.add_field(
                    "file",
                    secret.value.reveal(),
                    filename=secret.file_name,
                    content_type="application/octet-stream",
                )
                return form

            # It is not known whether a request without answer arrived: sent again, it could make a second secret.
            (
                await self._sent(
                    "POST",
                    path,
                    what,
                    query=self._version,
                    body=multipart if secret.kind == FILE else document.encode,
                    json=secret.kind != FILE,
                    repeat=False,
                )
            ).content(what)

        await self._calls.write("CreateSecret", send)

    async def close(self) -> None:
        """Sign out."""
        await self._sessions.close()

    async def _checked(self, path: AccountPath) -> SecretValue:
        what = f"reading account {path.account} of system {path.system} of BeyondTrust"
        request = await self._request(await self._account(path, what), what)
        try:
            body = (await self._sent("GET", f"Credentials/{request}", what)).content(what)
        except ProviderError:
            with suppress(ProviderError):
                await self._check_in(request, what)
            raise
        await self._check_in(request, what)
        try:
            found = loads(body)
        except ValueError:
            found = None
        if not isinstance(found, str):
            raise ProviderError(f"{what}: the answer is not a text in JSON")
        return SecretValue(found)

    async def _account(self, path: AccountPath, what: str) -> dict[str, Any]:
        query = {"systemName": path.system, "accountName": path.account}

        async def fetch() -> Any:
            return (await self._sent("GET", "ManagedAccounts", what, query=query)).json(what)

        found = await self._calls.write("GetManagedAccount", fetch)
        if not isinstance(found, dict):
            raise ProviderError(f"{what}: the answer is not an account")
        return found

    async def _request(self, account: Mapping[str, Any], what: str) -> str:
        """Ask for the credential; the number of the request."""
        document = {
            "SystemID": _digits(account.get("SystemId"), what),
            "AccountID": _digits(account.get("AccountId"), what),
            "DurationMinutes": _MINUTES,
            "Reason": "external-secrets",
            "ConflictOption": "reuse",
        }

        async def send() -> Any:
            return (await self._sent("POST", "Requests", what, body=dumps(document).encode)).json(what)

        return _digits(await self._calls.write("CreateRequest", send), what)

    async def _check_in(self, request: str, what: str) -> None:
        async def send() -> None:
            (await self._sent("PUT", f"Requests/{request}/checkin", what, body=lambda: b"{}")).content(what)

        await self._calls.write("CheckInRequest", send)

    async def _sent(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        json: bool = True,
        repeat: bool = True,
    ) -> Answer:
        """The answer; a session that has ended is replaced once."""
        session = await self._sessions.get()
        answer = await self._in(session, method, path, what, query=query, body=body, json=json, repeat=repeat)
        if answer.status == 401:
            self._sessions.refused(session)
            session = await self._sessions.get()
            answer = await self._in(session, method, path, what, query=query, body=body, json=json, repeat=repeat)
        return answer

    async def _in(self, session: Session, method: str, path: str, what: str, *, json: bool, **more: Any) -> Answer:
        headers = {**session.headers(), **({"Content-Type": "application/json"} if json else {})}
        answer = await self._transport.send(method, path, what, headers=headers, **more)
        session.keep(answer)
        return answer


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _objects(found: Any, what: str) -> list[dict[str, Any]]:
    """A list, which version 3.2 of the API wraps."""
    if isinstance(found, dict):
        found = found.get("Data") or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProviderError(f"{what}: the answer is not a list of objects")
    return found


def _listed(answer: Answer, what: str) -> list[Found]:
    return [
        Found(
            str(each.get("Id") or ""),
            str(each.get("SecretType") or "").upper(),
            str(each.get("FolderId") or ""),
            str(each.get("Username") or ""),
            str(each.get("FileName") or ""),
            SecretValue(each["Password"]) if isinstance(each.get("Password"), str) else None,
        )
        for each in _objects(answer.json(what), what)
    ]


def _digits(value: Any, what: str) -> Number:
    """A number that the server gave something."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise ProviderError(f"{what}: the answer holds no number where it must")
    return Number(value)
