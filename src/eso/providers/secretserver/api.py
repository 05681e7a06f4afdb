"""The requests to Secret Server: secrets by id, path and name, their files, templates, changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, read_body, retry_after, transport_errors
from eso.providers.secretserver.auth import Session, Tokens
from eso.providers.secretserver.model import Item, Secret, items_of_template, read_secret
from eso.transform.gojson import loads

__all__ = ["SecretServerAPI"]

T = TypeVar("T")

_HITS: Final = 30
"""Hits of a search that are looked at; source: the vendor's Go client."""

_FILENAME: Final = "File.txt"
"""Name of a file that has none; source: as above."""

_JSON: Final = {"Content-Type": "application/json"}


class SecretServerAPI:
    """One Secret Server, as one user.

    Args:
        http: a session.
        tokens: sessions and their tokens.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, tokens: Tokens, calls: ProviderCalls) -> None:
        self._http = http
        self._tokens = tokens
        self._calls = calls

    async def by_id(self, identity: int, *, fresh: bool = False) -> Secret:
        """A secret with the contents of its files.

        Raises:
            NoSecretError: there is none.
        """
        return await self._secret(str(identity), {}, f"reading secret {identity}", fresh=fresh)

    async def by_path(self, path: str, *, fresh: bool = False) -> Secret:
        """As `by_id`, by the folders and the name."""
        return await self._secret("0", {"secretPath": path}, f"reading secret {path}", fresh=fresh)

    async def search(self, name: str, *, fresh: bool = False) -> list[int]:
        """The ids of the secrets with a name, thirty at most."""
        what = f"looking for secret {name}"
        query = {
            "paging.filter.searchText": name,
            "paging.filter.searchField": "Name",
            "paging.filter.doNotCalculateTotal": "true",
            "paging.take": str(_HITS),
            "paging.skip": "0",
            "paging.filter.isExactMatch": "true",
        }

        async def fetch() -> list[int]:
            try:
                answer = _json(await self._sent("GET", "secrets", what, query), what)
            except NoSecretError as err:
                # The server has no such API: that says nothing about any secret.
                raise InvalidRequestError(f"{err}, check serverURL") from err
            records = answer.get("records") if isinstance(answer, dict) else None
            if not isinstance(records, list):
                raise ProviderError(f"{what}: the answer has no records")
            ids = [record.get("id") if isinstance(record, dict) else None for record in records]
            if not all(isinstance(each, float) for each in ids):
                raise ProviderError(f"{what}: the answer holds a record without id")
            return [int(each) for each in ids if each is not None]

        return await self._read("SearchSecrets", name, fetch, fresh=fresh)

    async def template(self, identity: int) -> list[Item]:
        """The fields of a template, empty."""
        what = f"reading template {identity}"
        try:
            body = await self._calls.write(
                "GetSecretTemplate", lambda: self._sent("GET", f"secret-templates/{identity}", what)
            )
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}, check secretTemplateId") from err
        return items_of_template(_json(body, what), what)

    async def create(self, secret: Secret) -> None:
        """Add a secret."""
        what = f"creating secret {secret.settings['Name']}"
        texts = [item for item in secret.items if not item["IsFile"]]
        body = await self._calls.write(
            "CreateSecret", lambda: self._sent("POST", "secrets", what, data=secret.to_json(texts), headers=_JSON)
        )
        if len(texts) < len(secret.items):
            await self._upload(read_secret(_json(body, what), what).id, secret, what)

    async def update(self, secret: Secret) -> None:
        """Write a secret with all its fields; files are uploaded again, as the vendor's client does."""
        what = f"writing secret {secret.id}"
        texts = [item for item in secret.items if not item["IsFile"]]
        await self._calls.write(
            "UpdateSecret",
            lambda: self._sent("PUT", f"secrets/{secret.id}", what, data=secret.to_json(texts), headers=_JSON),
        )
        await self._upload(secret.id, secret, what)

    async def delete(self, identity: int) -> None:
        """Delete a secret.

        Raises:
            NoSecretError: it is gone already.
        """
        what = f"deleting secret {identity}"
        await self._calls.write("DeleteSecret", lambda: self._sent("DELETE", f"secrets/{identity}", what))

    async def _secret(self, place: str, query: Mapping[str, str], what: str, *, fresh: bool) -> Secret:
        async def fetch() -> bytes:
            return await self._sent("GET", f"secrets/{place}", what, query)

        body = await self._read("GetSecret", (place, *query.values()), fetch, fresh=fresh)
        secret = read_secret(_json(body, what), what)
        for item in secret.items:
            if item["IsFile"] and item["FileAttachmentID"] and item["Filename"]:
                item["ItemValue"] = await self._file(secret.id, item["Slug"], what, fresh=fresh)
        return secret

    async def _file(self, identity: int, slug: str, what: str, *, fresh: bool) -> str:
        async def fetch() -> bytes:
            return await self._sent("GET", f"secrets/{identity}/fields/{quote(slug, safe='')}", what)

        try:
            content = await self._read("GetSecretField", (identity, slug), fetch, fresh=fresh)
        except NoSecretError as err:
            raise InvalidRequestError(f"{err} for the file of {slug}") from err
        return content.decode("utf-8", "surrogateescape")

    async def _upload(self, identity: int, secret: Secret, what: str) -> None:
        for item in secret.items:
            if not item["IsFile"] or not item["ItemValue"]:
                continue
            path = f"secrets/{identity}/fields/{quote(item['Slug'], safe='')}"
            content = item["ItemValue"].encode("utf-8", "surrogateescape")
            name = item["Filename"] or _FILENAME

            async def send(path: str = path, content: bytes = content, name: str = name) -> bytes:
                return await self._sent("PUT", path, what, file=(name, content))

            await self._calls.write("UpdateSecretField", send)

    async def _read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]], *, fresh: bool) -> T:
        return await (self._calls.write(call, fetch) if fresh else self._calls.read(call, key, fetch))

    async def _sent(
        self, method: str, path: str, what: str, query: Mapping[str, str] | None = None, **body: Any
    ) -> bytes:
        """The answer's body; one refusal of the token is answered by signing in anew."""
        session = await self._tokens.session()
        status, wait, answer = await self._once(session, method, path, what, query, **body)
        if status == 401 and self._tokens.refused(session):
            session = await self._tokens.session()
            status, wait, answer = await self._once(session, method, path, what, query, **body)
        if status >= 300:
            raise error_for_status(status, what, wait=wait)
        return answer

    async def _once(
        self,
        session: Session,
        method: str,
        path: str,
        what: str,
        query: Mapping[str, str] | None,
        *,
        data: str | None = None,
        headers: Mapping[str, str] | None = None,
        file: tuple[str, bytes] | None = None,
    ) -> tuple[int, float | None, bytes]:
        sent: Any = None if data is None else data.encode()
        if file is not None:
            sent = aiohttp.FormData()
            sent.add_field("file", file[1], filename=file[0], content_type="application/octet-stream")
        url = URL(f"{session.base}/api/v1/{path}" + (f"?{urlencode(query)}" if query else ""), encoded=True)
        authorized = {**(headers or {}), "Authorization": f"Bearer {session.token.reveal_text()}"}
        with transport_errors(what):
            async with self._http.request(
                method, url, data=sent, headers=authorized, allow_redirects=False
            ) as response:
                wait = retry_after(response.headers)
                return response.status, wait, b"" if response.status >= 300 else await read_body(response, what)


def _json(body: bytes, what: str) -> Any:
    try:
        return loads(body)
    except ValueError:
        raise ProviderError(f"{what}: the provider's answer is not JSON") from None
