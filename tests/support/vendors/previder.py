"""Previder Vault: what a token is, and secrets by id or name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["TOKEN", "Previder"]

TOKEN = "canary-token"
_JSON = "application/json; charset=utf-8"


@dataclass
class Previder(TokenServer):
    """A vault.

    Attributes:
        secrets: id -> name and value.
        tokens: that are valid.
    """

    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        status, answer = self._answer(request)
        return web.json_response(answer, status=status)

    def _answer(self, request: web.Request) -> tuple[int, Any]:
        refusal = {"error": "canary"}
        if request.headers.get("X-API-Key") not in self.tokens:
            return 401, refusal
        if request.headers.get("Accept") != _JSON or request.headers.get("Content-Type") != _JSON:
            return 415, refusal
        match request.method, [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]:
            case "GET", ["token", "info"]:
                return 200, {"id": "t-1", "description": "eso", "tokenType": "ReadOnly", "environmentId": "e-1"}
            case "GET", ["secret", wanted, "decrypt"]:
                for identity, (name, value) in self.secrets.items():
                    if wanted in (identity, name):
                        return 200, {"secret": value}
        return 404, refusal
