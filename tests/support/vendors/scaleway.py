"""Scaleway Secret Manager: secrets with versions, in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["Scaleway"]

PREFIX = "/secret-manager/v1beta1/regions/fr-par/secrets"


@dataclass
class Scaleway(TokenServer):
    """Accepts the key `canary-key`; secrets are dicts with `versions`, Base64 text or None when disabled.

    Attributes:
        secrets: of the project.
        refused: id -> status of all answers about that secret.
    """

    secrets: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        if request.headers.get("X-Auth-Token") != "canary-key":
            raise Refused(401, {"message": "canary"})
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        if parts == [""]:
            return await self._collection(request)
        found = next((secret for secret in self.secrets if secret["id"] == parts[0]), None)
        if found is None:
            raise Refused(404, {"message": "canary"})
        if parts[0] in self.refused:
            raise Refused(self.refused[parts[0]], {"message": "canary"})
        if request.method == "DELETE":
            self.secrets.remove(found)
            return 204, None
        versions = found["versions"]
        if request.method == "POST" and len(parts) == 2:
            versions.append((await request.json())["data"])
            return 200, {"revision": len(versions)}
        enabled = [number for number, data in enumerate(versions, 1) if data is not None]
        named = {"latest": len(versions), "latest_enabled": enabled[-1] if enabled else 0}
        number = named.get(parts[2]) if parts[2] in named else int(parts[2])
        if not number or number > len(versions):
            raise Refused(404, {"message": "canary"})
        if parts[3:] == ["disable"]:
            versions[number - 1] = None
        elif parts[3:] == ["access"]:
            if versions[number - 1] is None:
                raise Refused(400, {"message": "canary"})
            return 200, {"revision": number, "data": versions[number - 1]}
        return 200, {"revision": number}

    async def _collection(self, request: web.Request) -> tuple[int, Any]:
        if request.method == "POST":
            body = await request.json()
            self.secrets.append(
                {"id": f"id{len(self.secrets)}", "name": body["name"], "path": body["path"], "versions": []}
            )
            return 200, self.secrets[-1]
        query = request.query
        chosen = [
            secret
            for secret in self.secrets
            if query.get("name", secret["name"]) == secret["name"]
            and query.get("path", secret["path"]) == secret["path"]
        ]
        size, page = int(query["page_size"]), int(query["page"])
        return 200, {"secrets": chosen[(page - 1) * size : page * size], "total_count": len(chosen)}
