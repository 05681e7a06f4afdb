"""ngrok's vaults and their secrets: pages, filters, and values that nobody gets back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["KEY", "Ngrok"]

KEY = "canary-key"


@dataclass
class Ngrok(TokenServer):
    """An account with one API key.

    Attributes:
        vaults: id -> name.
        secrets: id -> what was sent, with `vault_id`.
        filters: that were asked for.
        honours_filters: False answers with everything.
        page: items of a page.
        next_host: in the addresses of next pages, in place of this server's.
        hidden: ids that a change answers 404 to, as if they were deleted a moment ago.
        keys: that are accepted.
        terse: answers to changes have no body.
    """

    vaults: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    honours_filters: bool = True
    page: int = 2
    next_host: str = ""
    hidden: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=lambda: {KEY})
    terse: bool = False
    _number: int = 0

    def vault(self, name: str) -> str:
        """A new vault."""
        made = self._id("vault")
        self.vaults[made] = name
        return made

    def secret(self, vault: str, name: str, value: str = "old") -> str:
        """A new secret."""
        made = self._id("secret")
        self.secrets[made] = {"vault_id": vault, "name": name, "value": value, "metadata": "", "description": ""}
        return made

    def named(self, name: str) -> dict[str, str]:
        """The only secret with a name."""
        (found,) = [each for each in self.secrets.values() if each["name"] == name]
        return found

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        if request.headers.get("ngrok-version") != "2":
            raise Refused(400, {"error_code": "ERR_NGROK_218", "msg": "canary"})
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key not in self.keys:
            raise Refused(401, {"error_code": "ERR_NGROK_206", "msg": f"the key {key} is not valid"})
        kind, *rest = request.path.strip("/").split("/")
        if kind not in ("vaults", "vault_secrets") or len(rest) > 1:
            raise Refused(404, {"error_code": "ERR_NGROK_404", "msg": "canary"})
        if rest:
            return await self._one(request, kind, rest[0])
        if request.method == "POST" and kind == "vault_secrets":
            made = self._made(await self._sent(request))
            return 201, None if self.terse else made
        return 200, self._list(request, kind)

    async def _one(self, request: web.Request, kind: str, identity: str) -> tuple[int, Any]:
        held: dict[str, Any] = self.vaults if kind == "vaults" else self.secrets
        if identity not in held or identity in self.hidden:
            raise Refused(404, {"error_code": "ERR_NGROK_404", "msg": "canary"})
        match request.method:
            case "PATCH" if kind == "vault_secrets":
                self.secrets[identity].update(await self._sent(request))
            case "DELETE" if kind == "vault_secrets":
                del self.secrets[identity]
                return 200 if self.terse else 204, None
        return 200, None if self.terse and request.method == "PATCH" else self._shown(kind, identity)

    def _made(self, wanted: dict[str, str]) -> Any:
        if wanted["vault_id"] not in self.vaults:
            raise Refused(400, {"error_code": "ERR_NGROK_400", "msg": "canary"})
        if any(
            (each["vault_id"], each["name"]) == (wanted["vault_id"], wanted["name"]) for each in self.secrets.values()
        ):
            raise Refused(409, {"error_code": "ERR_NGROK_409", "msg": "canary"})
        made = self._id("secret")
        self.secrets[made] = wanted
        return self._shown("vault_secrets", made)

    def _list(self, request: web.Request, kind: str) -> Any:
        held: dict[str, Any] = self.vaults if kind == "vaults" else self.secrets
        found = [self._shown(kind, identity) for identity in held]
        wanted = request.query.get("filter")
        if wanted is not None:
            self.filters.append(wanted)
            prefix, _, quoted = wanted.partition("== ")
            assert prefix == "obj.name "
            if self.honours_filters:
                found = [each for each in found if each["name"] == json.loads(quoted)]
        start = int(request.query.get("before_id", "0"))
        following = None
        if start + self.page < len(found):
            more = {**request.query, "before_id": str(start + self.page), "limit": str(self.page)}
            following = f"{self.next_host or self.url}/{kind}?{urlencode(more)}"
        member = "vaults" if kind == "vaults" else "secrets"
        return {member: found[start : start + self.page], "uri": f"{self.url}/{kind}", "next_page_uri": following}

    def _shown(self, kind: str, identity: str) -> dict[str, Any]:
        if kind == "vaults":
            return {"id": identity, "uri": f"{self.url}/vaults/{identity}", "name": self.vaults[identity]}
        kept = {name: value for name, value in self.secrets[identity].items() if name not in ("value", "vault_id")}
        return {"id": identity, **kept, "vault": {"id": self.secrets[identity]["vault_id"], "uri": "x"}}

    async def _sent(self, request: web.Request) -> dict[str, str]:
        assert request.content_type == "application/json"
        found = json.loads(await request.text())
        assert all(isinstance(value, str) for value in found.values())
        return dict(found)

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"
