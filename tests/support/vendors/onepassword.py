"""1Password Connect: vaults, items and files, with the ways in which a Connect server is odd."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["Connect", "identity"]

_ID = re.compile(r"[a-z0-9]{26}")


def identity(number: int) -> str:
    """The id that stands for a number."""
    return f"{number:0>4}".rjust(26, "a")


@dataclass
class Connect(TokenServer):
    """A server that knows one token.

    Attributes:
        vaults: id -> title.
        items: vault id -> item id -> item.
        contents: content_path -> bytes.
        tokens: that are accepted.
        spurious: answers `403: Authorization` that are still to be given.
        hidden: title look-ups that do not show what was made last yet.
        stale: reads of an item that still show what it was before the last replacement.
        moved: where requests that change something are sent.
        agents: `User-Agent` of requests.
        listless: vaults are there, but their items cannot be listed.
    """

    vaults: dict[str, str] = field(default_factory=dict)
    items: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"canary-token"})
    spurious: int = 0
    hidden: int = 0
    stale: int = 0
    moved: str = ""
    agents: set[str] = field(default_factory=set)
    listless: bool = False
    _number: int = 100
    _newest: str = ""
    _before: dict[str, dict[str, Any]] = field(default_factory=dict)

    def vault(self, title: str) -> str:
        """A new vault."""
        self._number += 1
        self.vaults[identity(self._number)] = title
        self.items[identity(self._number)] = {}
        return identity(self._number)

    def item(self, vault: str, title: str, *fields: tuple[str, str], category: str = "LOGIN", **more: Any) -> str:
        """A new item with some fields."""
        self._number += 1
        made = identity(self._number)
        self.items[vault][made] = {
            "id": made,
            "title": title,
            "category": category,
            "vault": {"id": vault},
            "version": 9007199254740993,
            "fields": [{"id": f"f{n}", "type": "STRING", "label": a, "value": b} for n, (a, b) in enumerate(fields)],
            **more,
        }
        return made

    def file(self, vault: str, item: str, name: str, content: bytes, *, listed: bool = False) -> None:
        """Attach a file; `listed`: summaries name it too."""
        self._number += 1
        path = f"/v1/vaults/{vault}/items/{item}/files/{identity(self._number)}/content"
        self.contents[path] = content
        entry = {"id": identity(self._number), "name": name, "content_path": path, "listed": listed}
        self.items[vault][item].setdefault("files", []).append(entry)

    def titled(self, title: str) -> dict[str, Any]:
        """The only item with a title."""
        (found,) = [item for items in self.items.values() for item in items.values() if item["title"] == title]
        return found

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        self.agents.add(request.headers.get("User-Agent", ""))
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _refused(401, "Invalid token signature canary")
        if self.spurious > 0:
            self.spurious -= 1
            return _refused(403, "Authorization: canary token does not have access")
        if self.moved and request.method != "GET":
            return web.Response(status=307, headers={"Location": self.moved})
        if request.method == "GET" and request.path in self.contents:
            return web.Response(body=self.contents[request.path], content_type="application/octet-stream")
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["v1", "vaults"] or len(parts) not in (2, 3, 4, 5):
            return _refused(404, "Not found canary")
        if len(parts) < 4:
            return self._vaults(request, parts[2:])
        return await self._items(request, parts[2], parts[4:])

    def _vaults(self, request: web.Request, rest: list[str]) -> web.Response:
        if rest:
            title = self.vaults.get(rest[0])
            return _refused(404, "Vault not found canary") if title is None else _json({"id": rest[0], "name": title})
        wanted = _filter(request)
        return _json([{"id": key, "name": name} for key, name in self.vaults.items() if wanted in (None, name)])

    async def _items(self, request: web.Request, vault: str, rest: list[str]) -> web.Response:
        if vault not in self.vaults or (self.listless and not rest):
            return _refused(404, "Vault not found canary")
        items = self.items[vault]
        if not rest and request.method == "POST":
            return self._make(vault, json.loads(await request.text()))
        if not rest:
            return self._list(request, vault)
        if not _ID.fullmatch(rest[0]):
            return _refused(400, "Invalid item id canary")
        if rest[0] not in items:
            return _refused(404, "Item not found canary")
        match request.method:
            case "DELETE":
                del items[rest[0]]
                return web.Response(status=204)
            case "PUT":
                self._before[rest[0]] = items[rest[0]]
                items[rest[0]] = json.loads(await request.text())
        if request.method == "GET" and self.stale > 0 and rest[0] in self._before:
            self.stale -= 1
            return _json(self._before[rest[0]])
        return _json(items[rest[0]])

    def _make(self, vault: str, wanted: dict[str, Any]) -> web.Response:
        if wanted["vault"]["id"] != vault:
            return _refused(400, "Vault mismatch canary")
        self._number += 1
        self._newest = identity(self._number)
        self.items[vault][self._newest] = {**wanted, "id": self._newest}
        return _json(self.items[vault][self._newest])

    def _list(self, request: web.Request, vault: str) -> web.Response:
        wanted = _filter(request)
        found = [item for item in self.items[vault].values() if wanted in (None, item["title"])]
        if self.hidden > 0 and any(item["id"] == self._newest for item in found):
            self.hidden -= 1
            found = [item for item in found if item["id"] != self._newest]
        return _json([_summary(item) for item in found])


def _summary(item: dict[str, Any]) -> dict[str, Any]:
    files = [file for file in item.get("files", ()) if file["listed"]]
    kept = {key: value for key, value in item.items() if key not in ("fields", "files", "sections")}
    return {**kept, **({"files": files} if files else {})}


def _filter(request: web.Request) -> str | None:
    text = request.query.get("filter")
    if text is None:
        return None
    assert text.startswith("title eq ")
    return str(json.loads(text.removeprefix("title eq ")))


def _json(content: Any) -> web.Response:
    return web.json_response(content)


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"status": status, "message": message}, status=status)
