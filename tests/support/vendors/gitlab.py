"""GitLab's variables of projects and groups, in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["Gitlab"]


@dataclass
class Gitlab(TokenServer):
    """Accepts the token `canary-token`.

    Attributes:
        variables: place (`projects/7`) -> list of key, value, scope.
        groups: project -> groups.
        faults: statuses that come before the answers.
        page: largest page, below what is asked for.
    """

    variables: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    groups: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    page: int = 100

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(request.rel_url.raw_path_qs)
        if self.faults:
            status, headers = self.faults.pop(0)
            return web.Response(status=status, headers=headers, text="canary-body")
        if request.headers.get("PRIVATE-TOKEN") != "canary-token":
            return web.json_response({"message": "401 Unauthorized canary"}, status=401)
        parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        if parts[:2] != ["api", "v4"] or request.method != "GET":
            return self._missing()
        place = "/".join(parts[2:4])
        if parts[4:] == ["groups"] and place in self.groups:
            return self._page(request, self.groups[place])
        if place not in self.variables or parts[4] != "variables":
            return self._missing()
        found = [
            {"key": key, "value": value, "environment_scope": scope} for key, value, scope in self.variables[place]
        ]
        if len(parts) == 5:
            return self._page(request, found)
        scope = request.query.get("filter[environment_scope]")
        chosen = [item for item in found if item["key"] == parts[5] and scope in (None, item["environment_scope"])]
        return web.json_response(chosen[0]) if chosen else self._missing()

    def _missing(self) -> web.Response:
        return web.json_response({"message": "404 Not Found canary"}, status=404)

    def _page(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        size = min(int(request.query.get("per_page", "20")), self.page)
        number = int(request.query.get("page", "1"))
        total = max(1, -(-len(items) // size))
        return web.json_response(
            items[(number - 1) * size : number * size], headers={"X-Total-Pages": str(total), "X-Page": str(number)}
        )
