"""Devolutions Server: sessions of applications, vaults and entries in pages, with filters that are taken loosely."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import UUID

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["APP", "SECRET", "VAULT", "DevolutionsServer", "identity"]

APP = "canary-app"
SECRET = "canary-secret-of-app"
VAULT = str(UUID(int=0xFA << 120 | 1))


def identity(number: int) -> str:
    """The id of the entry that was made as this one."""
    return str(UUID(int=0xE0 << 120 | number))


@dataclass
class DevolutionsServer(TokenServer):
    """A server with the vault `Operations`.

    Attributes:
        vaults: id -> name.
        entries: vault id -> entry id -> entry.
        apps: id -> secret.
        tokens: of sessions that last.
        logins: how many there were.
        bodies: of requests that change something.
        page: entries and vaults of one page.
        after_put: status of reads after the next write.
    """

    vaults: dict[str, str] = field(default_factory=lambda: {VAULT: "Operations"})
    entries: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {VAULT: {}})
    apps: dict[str, str] = field(default_factory=lambda: {APP: SECRET})
    tokens: set[str] = field(default_factory=set)
    logins: int = 0
    bodies: list[Any] = field(default_factory=list)
    page: int = 2
    after_put: int = 0
    _made: int = 0

    def add(self, name: str, kind: str = "Default", *, path: str = "", type: str = "Credential", **data: Any) -> str:
        """A new entry; its id."""
        self._made += 1
        new = identity(self._made)
        self.entries[VAULT][new] = {
            "id": new,
            "name": name,
            "path": path,
            "type": type,
            "subType": kind,
            "description": f"about {name}",
            "tags": ["one", "two"],
            "data": data,
            "createdBy": "canary-admin",
            "createdOn": "2026-01-01T00:00:00",
        }
        return new

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        if request.path.endswith("/api/is-logged") and self.fault is None:
            self.seen.append("GET /api/is-logged")
            return web.json_response(request.headers.get("tokenId") in self.tokens)
        return await super().handle(request)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        body = await request.read()
        if parts == ["api", "v1", "login"] and request.method == "POST":
            return 200, self._login(request.content_type, body)
        if request.headers.get("tokenId") not in self.tokens:
            raise Refused(401, {"message": f"canary {dict(request.headers)}"})
        match parts:
            case ["api", "v1", "vault"]:
                return 200, self._listed([{"id": at, "name": name} for at, name in self.vaults.items()], request)
            case ["api", "v1", "vault", vault, "entry"]:
                return 200, self._listed(self._matching(self._vault(vault), request), request)
            case ["api", "v1", "vault", vault, "entry", entry]:
                return 200, self._entry(request.method, self._vault(vault), entry, body)
        raise Refused(404, {"message": "canary"})

    def _login(self, kind: str, body: bytes) -> dict[str, Any]:
        form = parse_qs(body.decode())
        if kind != "application/x-www-form-urlencoded":
            raise Refused(415, {"message": "canary"})
        if self.apps.get(form["AppKey"][0]) != form["AppSecret"][0]:
            raise Refused(401, {"message": f"canary {form}"})
        self.logins += 1
        token = f"canary-token-{self.logins}"
        self.tokens.add(token)
        return {"tokenId": token, "result": 1, "message": ""}

    def _vault(self, vault: str) -> dict[str, dict[str, Any]]:
        if vault not in self.entries:
            raise Refused(404, {"message": f"canary {vault}"})
        return self.entries[vault]

    def _matching(self, entries: dict[str, dict[str, Any]], request: web.Request) -> list[dict[str, Any]]:
        name, path = request.query.get("name", ""), request.query.get("path", "")
        hits = [each for each in entries.values() if name.lower() in each["name"].lower()]
        # The vendor finds folders by any part of their path.
        hits = [each for each in hits if path.lower() in each["path"].lower()]
        return [{key: value for key, value in each.items() if key != "data"} for each in hits]

    def _listed(self, items: list[dict[str, Any]], request: web.Request) -> dict[str, Any]:
        number = int(request.query.get("page", "1"))
        pages = -(-len(items) // self.page)
        shown = items[(number - 1) * self.page : number * self.page]
        return {
            "data": shown,
            "currentPage": number,
            "pageSize": self.page,
            "totalCount": len(items),
            "totalPage": pages,
        }

    def _entry(self, method: str, entries: dict[str, dict[str, Any]], entry: str, body: bytes) -> Any:
        if entry not in entries:
            raise Refused(404, {"message": f"canary {entry}"})
        match method:
            case "GET":
                if self.after_put and self.bodies:
                    raise Refused(self.after_put, {"message": "canary"})
                return entries[entry]
            case "PUT":
                self.bodies.append(json.loads(body))
                blank = {"description": "", "path": "", "tags": []}
                entries[entry] = {**entries[entry], **blank, **self.bodies[-1]}
                return entries[entry]
            case "DELETE":
                del entries[entry]
                return {"result": 1}
        raise Refused(405, {"message": "canary"})
