"""BeyondTrust Workload Credentials: dynamic and static secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["SITE", "STORE_SITE", "BeyondtrustLeases", "WorkloadCredentials"]

SITE = "11111111-2222-3333-4444-555555555555"
STORE_SITE = "11111111-2222-4333-8444-555555555555"


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


@dataclass
class WorkloadCredentials(TokenServer):
    """A site with static secrets.

    Attributes:
        secrets: path -> members, or None for one without value.
        tags: path -> tags.
        shown: path in lists -> path, where lists name a secret in another way.
        ghosts: paths that are listed, though they are gone.
        token: that is accepted.
    """

    secrets: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    ghosts: list[str] = field(default_factory=list)
    token: str = "canary-api"

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        wanted = {
            "Authorization": f"Bearer {self.token}",
            "bt-secrets-api-version": "2026-04-28",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        if any(request.headers.get(name) != value for name, value in wanted.items()):
            raise Refused(401, _error(request))
        base, path = f"/site/{STORE_SITE}/secrets/", request.rel_url.raw_path
        if request.method != "GET" or not path.startswith(base):
            raise Refused(404, _error(request))
        match [unquote(part) for part in path.removeprefix(base).split("/")]:
            case ["session"]:
                return 200, {"valid": True}
            case ["static"]:
                return 200, self._listed(request)
            case ["static", name]:
                return 200, self._secret(request, name)
        raise Refused(404, _error(request))

    def _listed(self, request: web.Request) -> Any:
        folder = request.query.get("path", "")
        if request.query.get("recursive") != "true":
            raise Refused(400, _error(request))
        below = f"{folder}/" if folder else ""
        paths = [path for path in (*self.secrets, *self.ghosts) if path.startswith(below)]
        if folder and not paths:
            raise Refused(404, _error(request))
        names = {path: name for name, path in self.shown.items()}
        return {"data": [{"path": names.get(path, path), "type": "static"} for path in paths]}

    def _secret(self, request: web.Request, name: str) -> Any:
        folder = request.query.get("folder", "").strip("/")
        path = f"{folder}/{name}" if folder else name
        if path not in self.secrets:
            raise Refused(404, _error(request))
        return {
            "secret": self.secrets[path],
            "metadata": {"version": 1, "tags": self.tags[path]} if path in self.tags else None,
        }


def _error(request: web.Request) -> dict[str, Any]:
    return {"error": "canary", "message": f"canary {dict(request.headers)}", "details": {"path": request.path}}
