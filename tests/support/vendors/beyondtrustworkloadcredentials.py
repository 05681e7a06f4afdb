"""BeyondTrust Workload Credentials: dynamic secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["SITE", "BeyondtrustLeases"]

SITE = "11111111-2222-3333-4444-555555555555"


@dataclass
class BeyondtrustLeases(TokenServer):
    """Leases the secret `db` in the folder `a/b`, and in the root."""

    status: int = 200
    secret: dict[str, Any] = field(
        default_factory=lambda: {
            "accessKeyId": "AK",
            "secretAccessKey": "canary-key",
            "sessionToken": "canary-session",
            "leaseId": "lease-1",
            "expiration": "2026-01-01T00:00:00Z",
        }
    )

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("Authorization") != "Bearer canary-api":
            raise Refused(401)
        if request.headers.get("bt-secrets-api-version") != "2026-04-28":
            raise Refused(400)
        if (request.method, request.path) != ("POST", f"/api/{SITE}/secrets/dynamic/db/generate"):
            raise Refused(404)
        if request.query.get("folder") not in (None, "a/b"):
            raise Refused(404)
        return self.status, {"secret": self.secret}
