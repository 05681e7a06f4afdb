"""bitwarden-sdk-server: secrets of one organisation behind two paths, with JSON bodies on every method and errors in prose."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["ORGANIZATION", "OTHER", "PROJECT", "TOKEN", "SdkServer", "identity"]

TOKEN = "0.canary-account.canary-secret:canary-key=="
ORGANIZATION = "11111111-0000-0000-0000-000000000000"
PROJECT = "22222222-0000-0000-0000-000000000000"
OTHER = "33333333-0000-0000-0000-000000000000"


def identity(number: int) -> str:
    """The id of the secret that was made as this one."""
    return str(UUID(int=0xABCDEF << 104 | number))


@dataclass
class SdkServer(TokenServer):
    """A server that signs in with what the headers of each request say.

    Attributes:
        secrets: id -> secret.
        tokens: that Bitwarden accepts.
        clouds: `Warden-Api-Url` and `Warden-Identity-Url` of each request.
        bodies: body of each request.
        locked: ids that Bitwarden refuses to delete.
    """

    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    clouds: list[tuple[str | None, str | None]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)
    _made: int = 0

    def add(self, key: str, value: str, *, note: str = "", project: str | None = PROJECT) -> str:
        """A new secret; its id."""
        self._made += 1
        dates = {"creationDate": "2026-01-01T00:00:00Z", "revisionDate": "2026-01-01T00:00:00Z"}
        content = {"key": key, "value": value, "note": note, "organizationId": ORGANIZATION, "projectId": project}
        self.secrets[identity(self._made)] = {"id": identity(self._made), **content, **dates}
        return identity(self._made)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """As `TokenServer.handle`, but errors are prose."""
        body = await request.read()
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        self.clouds.append((request.headers.get("Warden-Api-Url"), request.headers.get("Warden-Identity-Url")))
        if self.fault is not None:
            status, headers, content = self.fault
            return web.Response(status=status, headers=headers, body=content)
        try:
            if request.headers.get("Warden-Access-Token") not in self.tokens:
                raise Refused(401, f"failed to login: {dict(request.headers)}")
            sent = json.loads(body)
            self.bodies.append(sent)
            return web.json_response(self._answer(request.method, request.path, sent))
        except Refused as refused:
            return web.Response(status=refused.status, text=f"canary {refused.body}\n")

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        match method, path:
            case "GET", "/rest/api/1/secret":
                return self._known(body["id"])
            case "GET", "/rest/api/1/secrets":
                self._own(body["organizationID"])
                listed = [{name: each[name] for name in ("id", "key")} for each in self.secrets.values()]
                return {"data": [{**each, "organizationId": ORGANIZATION} for each in listed]}
            case "POST", "/rest/api/1/secret":
                self._own(body["organizationId"])
                (project,) = body["projectIds"]
                return self._known(self.add(body["key"], body["value"], note=body["note"], project=project))
            case "PUT", "/rest/api/1/secret":
                self._own(body["organizationId"])
                (project,) = body["projectIds"]
                changed = {name: body[name] for name in ("key", "value", "note")}
                self._known(body["id"]).update(changed, projectId=project)
                return self._known(body["id"])
            case "DELETE", "/rest/api/1/secret":
                return {"data": [self._deleted(each) for each in body["ids"]]}
        raise Refused(404, path)

    def _own(self, organization: str) -> None:
        if organization != ORGANIZATION:
            raise Refused(400, f"API error: no access to {organization}")

    def _known(self, key: str) -> dict[str, Any]:
        if key not in self.secrets:
            raise Refused(400, f"API error: secret {key} not found")
        return self.secrets[key]

    def _deleted(self, key: str) -> dict[str, Any]:
        if key in self.locked:
            return {"id": key, "error": "canary access denied"}
        if self.secrets.pop(key, None) is None:
            return {"id": key, "error": "canary not found"}
        return {"id": key, "error": None}
