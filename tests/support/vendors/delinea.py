"""DevOps Secrets Vault: tokens for client credentials and secrets by their path, below `/<tenant>/<tld>/v1/`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["CLIENT", "SECRET", "DevOpsSecretsVault"]

CLIENT = "canary-client"
SECRET = "canary-password-of-client"


@dataclass
class DevOpsSecretsVault(TokenServer):
    """The tenant `acme`.

    Attributes:
        secrets: path -> data; None for a secret without data.
        forbidden: paths that may not be read.
        clients: id -> secret.
        lifetime: `expiresIn` of tokens; None leaves it out.
        tokens: that are valid.
        signed_in: ids of those who signed in.
    """

    secrets: dict[str, Any] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    clients: dict[str, str] = field(default_factory=lambda: {CLIENT: SECRET})
    lifetime: int | None = 3600
    tokens: set[str] = field(default_factory=set)
    signed_in: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        path = request.rel_url.raw_path.removeprefix("/acme/com")
        if path == "/v1/token" and request.method == "POST":
            return 200, self._token(request.content_type, await request.read())
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, {"code": 401, "message": f"canary {token}"})
        if not path.startswith("/v1/secrets/") or request.method != "GET":
            raise Refused(404, {"code": 404, "message": "canary"})
        return 200, self._secret(unquote(path.removeprefix("/v1/secrets/")))

    def _token(self, kind: str, body: bytes) -> dict[str, Any]:
        if kind != "application/json":
            raise Refused(415, {"message": "canary"})
        grant = json.loads(body)
        client = grant.get("client_id")
        if grant.get("grant_type") != "client_credentials":
            raise Refused(400, {"code": 400, "message": "invalid grant type"})
        if self.clients.get(client) != grant.get("client_secret"):
            raise Refused(401, {"code": 401, "message": f"canary {body.decode()}"})
        self.signed_in.append(client)
        token = f"canary-token-{len(self.signed_in)}"
        self.tokens.add(token)
        lives = {} if self.lifetime is None else {"expiresIn": self.lifetime}
        return {"accessToken": token, "tokenType": "bearer", "refreshToken": "canary-refresh", **lives}

    def _secret(self, path: str) -> dict[str, Any]:
        if path in self.forbidden:
            raise Refused(403, {"code": 403, "message": f"canary {path}"})
        if path not in self.secrets:
            raise Refused(404, {"code": 404, "message": f"unable to find item with specified identifier canary {path}"})
        return {
            "id": "c5239a16-02d5-4d7d-8f36-f6a1d2d8ee3c",
            "path": path.replace("/", ":"),
            "attributes": {"tag": "canary"},
            "description": "",
            "data": self.secrets[path],
            "created": "2026-01-01T00:00:00Z",
            "lastModified": "2026-01-01T00:00:00Z",
            "createdBy": "users:thy-one:admin",
            "lastModifiedBy": "users:thy-one:admin",
            "version": "0",
        }
