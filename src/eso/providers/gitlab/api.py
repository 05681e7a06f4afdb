"""The requests to GitLab: variables of projects and groups, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from eso.errors import InvalidRequestError, NoSecretError, ProviderError, ThrottledError, UnavailableError
from eso.providers.base import ProviderCalls
from eso.providers.http import pages, read_json, transport_errors

__all__ = ["GitlabAPI", "Place"]

T = TypeVar("T")

Place = tuple[str, str]
"""`projects` or `groups`, and an id or path."""

_PAGE: Final = 100
_MOVED: Final = (301, 302, 307, 308)
_MOVES: Final = 10
"""How GitLab answers for projects that were renamed, and how often one answer may point elsewhere."""

_RETRIES: Final = 5
_SHORTEST: Final = 0.1
_LONGEST: Final = 0.4
"""Seconds between tries; source: the client that External Secrets Operator uses."""


class GitlabAPI:
    """One GitLab.

    Args:
        http: a session that carries the token.
        base: URL of the API, without slash at its end.
        calls: the metered way.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, calls: ProviderCalls) -> None:
        self._http = http
        self._base = base
        self._calls = calls

    async def variable(self, place: Place, key: str, scope: str) -> dict[str, Any]:
        """One variable in one environment scope; an empty scope asks for none.

        Raises:
            NoSecretError: there is none.
        """
        call = "ProjectVariableGet" if place[0] == "projects" else "GroupVariableGet"
        query = {"filter[environment_scope]": scope} if scope else {}
        path = f"{_path(place)}/variables/{quote(key, safe='')}"
        what = f"reading variable {key} of {_shown(place)}"

        async def fetch() -> dict[str, Any]:
            found, _ = await self._get(path, query, what)
            if not isinstance(found, dict) or not isinstance(found.get("value"), str):
                raise ProviderError(f"{what}: the answer is not a variable")
            return found

        return await self._calls.read(call, (place, key, scope), lambda: _retried(fetch))

    async def variables(self, place: Place) -> list[dict[str, Any]]:
        """All variables."""
        call = "ProjectVariablesList" if place[0] == "projects" else "GroupVariablesList"
        return await self._listed(call, f"{_path(place)}/variables", "key", f"listing variables of {_shown(place)}")

    async def groups(self, project: str) -> list[dict[str, Any]]:
        """The groups that a project belongs to."""
        place = ("projects", project)
        what = f"listing groups of {_shown(place)}"
        return await self._listed("ListProjectsGroups", f"{_path(place)}/groups", "id", what)

    async def probe(self, place: Place) -> None:
        """Make sure that variables may be listed now, by one short page."""
        call = "ProjectVariablesList" if place[0] == "projects" else "GroupVariablesList"
        path, what = f"{_path(place)}/variables", f"listing variables of {_shown(place)}"
        await self._calls.write(call, lambda: self._list(path, {"per_page": "1"}, what))

    async def _listed(self, call: str, path: str, needed: str, what: str) -> list[dict[str, Any]]:
        async def page(number: str) -> tuple[list[dict[str, Any]], str]:
            query = {"per_page": str(_PAGE), "page": number or "1"}

            async def fetch() -> tuple[Any, int]:
                return await self._list(path, query, what)

            found, total = await self._calls.read(call, (path, number), lambda: _retried(fetch))
            if not isinstance(found, list) or not all(_has(item, needed) for item in found):
                raise ProviderError(f"{what}: the answer is not a list of objects with {needed}")
            at = int(query["page"])
            return found, str(at + 1) if at < total else ""

        return [item async for item in pages(page)]

    async def _list(self, path: str, query: Mapping[str, str], what: str) -> tuple[Any, int]:
        """As `_get`; a project or group that is missing is a mistake, it says nothing about any secret."""
        try:
            return await self._get(path, query, what)
        except NoSecretError as err:
            raise InvalidRequestError(str(err)) from err

    async def _get(self, path: str, query: Mapping[str, str], what: str) -> tuple[Any, int]:
        """The answer and the number of pages it has."""
        # The path holds escaped ids, which must not be escaped again or undone.
        url = URL(f"{self._base}/{path}", encoded=True).update_query(query)
        for _ in range(_MOVES):
            with transport_errors(what):
                async with self._http.get(url, allow_redirects=False) as response:
                    if response.status not in _MOVED:
                        total = response.headers.get("X-Total-Pages", "")
                        count = int(total[:6]) if total.isascii() and total.isdigit() else 1
                        return await read_json(response, what, exact_numbers=True), count
                    url = _followed(url, response.headers.get("Location", ""), what)
        raise InvalidRequestError(f"{what}: the answers point elsewhere without end")


def _has(item: Any, needed: str) -> bool:
    """Whether it is an object with this member: a text, or a number, which is read as its digits."""
    return isinstance(item, dict) and isinstance(item.get(needed), str) and item[needed] != ""


def _followed(url: URL, target: str, what: str) -> URL:
    """Where a project went that was renamed; never another host, to which the token would go along."""
    try:
        found = url.join(URL(target, encoded=True))
        stays = found.origin() == url.origin()
    except ValueError:
        stays = False
    if not target or not stays:
        raise InvalidRequestError(f"{what}: the answer points to another host, set url to that address")
    return found


def _path(place: Place) -> str:
    return f"{place[0]}/{quote(place[1], safe='')}"


def _shown(place: Place) -> str:
    return f"{place[0].removesuffix('s')} {place[1]}"


async def _retried(fetch: Callable[[], Awaitable[T]]) -> T:
    """Up to five more tries when GitLab answers that it is overloaded or failed.

    One that asks for a longer wait is not pressed, and six times no answer would take minutes.
    """
    wait = _SHORTEST
    for _ in range(_RETRIES):
        try:
            return await fetch()
        except (ThrottledError, UnavailableError) as err:
            silent = isinstance(err.__cause__, ConnectionError)
            if silent or (err.retry_after is not None and err.retry_after > _LONGEST):
                raise
        await asyncio.sleep(wait)
        wait = min(wait * 2, _LONGEST)
    return await fetch()
