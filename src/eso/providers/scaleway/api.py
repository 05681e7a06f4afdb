"""The requests to Scaleway Secret Manager."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.http import error_for_status, pages, read_json, retry_after, transport_errors
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["ScalewayAPI"]

_PAGE: Final = 50


class ScalewayAPI:
    """The secrets of a project in a region.

    Args:
        http: a session that carries the secret key and whose base URL is that of the region.
        calls: the metered way.
        project: id.
    """

    def __init__(self, http: aiohttp.ClientSession, calls: ProviderCalls, project: str) -> None:
        self._http = http
        self._calls = calls
        self._project = project

    async def first(self, where: Mapping[str, str], *, fresh: bool = False) -> dict[str, Any] | None:
        """The first secret of a name (and folder), or None; `fresh` asks now."""
        query = {"project_id": self._project, **where, "page": "1", "page_size": "1"}

        async def fetch() -> list[dict[str, Any]]:
            return (await self._page(query))[0]

        if fresh:
            found = await self._calls.write("ListSecrets", fetch)
        else:
            found = await self._calls.read("ListSecrets", ("first", *sorted(where.items())), fetch)
        return found[0] if found else None

    async def all(self, where: Mapping[str, str], tags: list[str]) -> list[dict[str, Any]]:
        """Every secret of a folder or with tags."""
        got = 0

        async def page(number: str) -> tuple[list[dict[str, Any]], str]:
            nonlocal got
            at = int(number or "1")
            query = [("project_id", self._project), *where.items(), *(("tags", tag) for tag in tags)]
            query += [("page", str(at)), ("page_size", str(_PAGE))]
            items, total = await self._calls.read("ListSecrets", tuple(query), lambda: self._page(query))
            got += len(items)
            return items, str(at + 1) if items and got < total else ""

        return [item async for item in pages(page)]

    async def revision(self, secret: str, version: str, *, fresh: bool = False) -> str:
        """The number of a version such as `latest_enabled`; raises as `access`."""
        what = f"looking for version {version} of secret {secret}"
        path = f"secrets/{quote(secret, safe='')}/versions/{quote(version, safe='')}"

        async def fetch() -> str:
            answer = await self._send("GET", path, what)
            if not isinstance(answer, dict) or not str(answer.get("revision") or "").isdigit():
                raise ProviderError(f"{what}: the answer has no revision")
            return str(answer["revision"])

        if fresh:
            return await self._calls.write("GetSecretVersion", fetch)
        return await self._calls.read("GetSecretVersion", (secret, version), fetch)

    async def access(self, secret: str, revision: str, *, fresh: bool = False) -> SecretValue:
        """The content of a version.

        Raises:
            NoSecretError: there is none.
        """
        what = f"reading version {revision} of secret {secret}"
        path = f"secrets/{quote(secret, safe='')}/versions/{quote(revision, safe='')}/access"

        async def fetch() -> SecretValue:
            answer = await self._send("GET", path, what)
            try:
                return SecretValue(base64.b64decode(answer["data"], validate=True))
            except (TypeError, KeyError, ValueError):
                raise ProviderError(f"{what}: the answer has no data") from None

        if fresh:
            return await self._calls.write("AccessSecretVersion", fetch)
        return await self._calls.read("AccessSecretVersion", (secret, revision), fetch)

    async def create(self, document: Mapping[str, str], what: str) -> str:
        """The id of a new secret, which has no version yet."""
        made = await self.change("CreateSecret", "POST", "secrets", what, document)
        if not _is_secret(made):
            raise ProviderError(f"{what}: the answer is not a secret")
        return str(made["id"])

    async def change(self, call: str, method: str, path: str, what: str, document: Any = None) -> Any:
        """Any request that changes something."""
        return await self._calls.write(call, lambda: self._send(method, path, what, document=document))

    async def _page(self, query: Any) -> tuple[list[dict[str, Any]], int]:
        what = "listing secrets"
        try:
            answer = await self._send("GET", "secrets", what, query=query)
        except NoSecretError as err:
            # The project or region is wrong: that says nothing about any secret.
            raise InvalidRequestError(str(err)) from err
        items = answer.get("secrets") if isinstance(answer, dict) else None
        if not isinstance(items, list) or not all(_is_secret(item) for item in items):
            raise ProviderError(f"{what}: the answer has no secrets with id and name")
        total = str(answer.get("total_count") or 0)
        if not (total.isascii() and total.isdigit()):
            raise ProviderError(f"{what}: the answer has a total_count that is no number")
        return items, int(total[:18])

    async def _send(self, method: str, path: str, what: str, *, query: Any = None, document: Any = None) -> Any:
        body = None if document is None else dumps(document).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        options: dict[str, Any] = {"params": query, "data": body, "headers": headers}
        with transport_errors(what):
            # Followed, a redirect would carry the secret key to wherever it points.
            async with self._http.request(method, path, allow_redirects=False, **options) as response:
                if response.status >= 300:
                    raise error_for_status(response.status, what, wait=retry_after(response.headers))
                return None if response.status == 204 else await read_json(response, what, exact_numbers=True)


def _is_secret(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("name"), str)
