"""GitLab's deploy tokens: a table of them per project or group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["GitlabTokens"]


@dataclass
class GitlabTokens(TokenServer):
    """Accepts the credential `canary-admin`."""

    tokens: dict[int, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("PRIVATE-TOKEN") != "canary-admin":
            raise Refused(401, {"message": "401 Unauthorized"})
        parts = request.rel_url.raw_path.strip("/").split("/")
        if parts[:2] != ["api", "v4"] or parts[2] not in ("projects", "groups") or parts[4] != "deploy_tokens":
            raise Refused(404, {"error": "404 Not Found"})
        if request.method == "POST" and len(parts) == 5:
            wanted = await request.json()
            if not wanted.get("scopes"):
                raise Refused(400, {"error": "scopes is missing"})
            self.made += 1
            number = self.made
            self.tokens[number] = {**wanted, "place": parts[3]}
            name = wanted.get("username") or f"gitlab+deploy-token-{number}"
            return 201, {"id": number, "username": name, "token": f"gldt-canary-{number}"}
        if request.method == "DELETE" and len(parts) == 6:
            if self.tokens.pop(int(parts[5]), None) is None:
                raise Refused(404, {"message": "404 Deploy Token Not Found"})
            return 204, None
        raise Refused(405)
