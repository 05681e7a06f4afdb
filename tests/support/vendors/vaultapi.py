"""The part of Vault's API that dynamic secrets use: AppRole, and whatever engines a test describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["VaultApi"]


@dataclass
class VaultApi(TokenServer):
    """Accepts the AppRole `role` with `canary-secret-id`.

    Attributes:
        engine: answers by `METHOD path`; None stands for 204.
        bodies: of the requests to engines.
        revoked: whether the token was revoked.
    """

    engine: dict[str, Any] = field(default_factory=dict)
    bodies: list[Any] = field(default_factory=list)
    revoked: bool = False

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("X-Vault-Request") != "true":
            raise Refused(400, {"errors": ["missing X-Vault-Request"]})
        if (request.method, request.path) == ("PUT", "/v1/auth/approle/login"):
            if await request.json() != {"role_id": "role", "secret_id": "canary-secret-id"}:
                raise Refused(400, {"errors": ["invalid role or secret ID"]})
            return 200, {"auth": {"client_token": "hvs.canary", "lease_duration": 3600, "renewable": True}}
        if request.headers.get("X-Vault-Token") != "hvs.canary" or self.revoked:
            raise Refused(403, {"errors": ["permission denied"]})
        if request.path == "/v1/auth/token/revoke-self":
            self.revoked = True
            return 204, None
        if request.path == "/v1/auth/token/lookup-self":
            return 200, {"data": {"ttl": 3600}}
        key = f"{request.method} {request.path.removeprefix('/v1/')}"
        if key not in self.engine:
            raise Refused(404, {"errors": []})
        body = await request.read()
        self.bodies.append((dict(request.query), body))
        found = self.engine[key]
        return (204, None) if found is None else (200, found)
