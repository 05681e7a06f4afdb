"""Grafana's service accounts and their tokens."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["Grafana"]

_BASIC = base64.b64encode(b"admin:canary-password").decode()


@dataclass
class Grafana(TokenServer):
    """Accepts the token `canary-admin`, and `admin` with `canary-password`; serves under `prefix`."""

    prefix: str = ""
    accounts: dict[int, dict[str, Any]] = field(default_factory=dict)
    issued: int = 0
    tokens: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("Authorization") not in ("Bearer canary-admin", f"Basic {_BASIC}"):
            raise Refused(401, {"message": "Invalid API key"})
        path = request.path.removeprefix(f"{self.prefix}/api/serviceaccounts")
        if path == request.path:
            raise Refused(404, {"message": "Not found"})
        parts = path.strip("/").split("/")
        if request.method == "GET" and parts == ["search"]:
            query = request.query["query"]
            found = [account for account in self.accounts.values() if query in account["name"]]
            return 200, {"totalCount": len(found), "serviceAccounts": found}
        if request.method == "POST" and parts == [""]:
            wanted = await request.json()
            number = len(self.accounts) + 1
            self.accounts[number] = {"id": number, "login": f"sa-{wanted['name']}", **wanted}
            return 201, self.accounts[number]
        if request.method == "POST" and parts[1:] == ["tokens"]:
            self.issued += 1
            account, number = int(parts[0]), self.issued
            self.tokens[account, number] = await request.json()
            return 200, {"id": number, "name": "n", "key": f"glsa_canary_{number}"}
        if request.method == "GET" and parts[1:] == ["tokens"]:
            account = int(parts[0])
            return 200, [{"id": key[1], **token} for key, token in self.tokens.items() if key[0] == account]
        if request.method == "DELETE" and len(parts) == 3:
            if self.tokens.pop((int(parts[0]), int(parts[2])), None) is None:
                raise Refused(404, {"message": "Service account token not found"})
            return 200, {"message": "Service account token deleted"}
        raise Refused(405)
