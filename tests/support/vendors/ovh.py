"""OKMS, OVHcloud's key management service: secrets with versions, folders, check-and-set, the codes of its errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["DOMAIN", "TOKEN", "Okms"]

DOMAIN = "734b9b45-8b1a-469c-b140-b10bd6540017"
TOKEN = "canary-token"
_NOT_FOUND = 17125377


class _Refused(Exception):
    def __init__(self, status: int, code: int | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.code = code


@dataclass
class Okms(TokenServer):
    """The domain `DOMAIN`.

    Attributes:
        secrets: path -> data of each version, from version 1; None has no data any more.
        tokens: that are valid; a client certificate is as good.
        cas_required: whether updates must name the current version.
        listed: folder -> names in it, instead of what the secrets say.
        stored: documents that were sent, with the query.
        vanishing: paths that are listed, but not there.
    """

    secrets: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    cas_required: bool = False
    listed: dict[str, list[Any]] = field(default_factory=dict)
    stored: list[tuple[str, Any]] = field(default_factory=list)
    vanishing: set[str] = field(default_factory=set)

    def put(self, path: str, *versions: dict[str, Any] | None) -> None:
        """A secret with these versions."""
        self.secrets[path] = list(versions)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        try:
            self._check(request)
            parts = [unquote(part) for part in request.rel_url.raw_path.removeprefix("/").split("/")]
            if parts[:2] != ["api", DOMAIN]:
                raise _Refused(404, None)
            return await self._answer(request, parts[2:])
        except _Refused as refused:
            error = {"error_code": refused.code, "error_id": "canary-id", "errors": ["canary"], "request_id": "canary"}
            return web.json_response(error, status=refused.status)

    def _check(self, request: web.Request) -> None:
        certificate = request.transport.get_extra_info("peercert") if request.transport else None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not certificate and not (scheme == "Bearer" and token in self.tokens):
            raise _Refused(401, 50466819)

    async def _answer(self, request: web.Request, parts: list[str]) -> web.Response:
        match request.method, parts:
            case "GET", ["v2", "secret"]:
                return web.json_response([{"path": path} for path in self.secrets])
            case "GET", ["v1", "secret", "metadata", folder] if request.query.get("list") == "true":
                return web.json_response({"data": {"keys": self._names(folder)}})
            case "POST", ["v2", "secret"]:
                return self._create(await request.json())
            case method, ["v2", "secret", path]:
                if path not in self.secrets or path in self.vanishing:
                    raise _Refused(404, _NOT_FOUND)
                if method == "GET":
                    return self._read(request, path)
                if method == "PUT":
                    return self._update(request, path, await request.json())
                if method == "DELETE":
                    del self.secrets[path]
                    return web.Response(status=204)
        raise _Refused(405, 50335745)

    def _names(self, folder: str) -> list[Any]:
        if folder in self.listed:
            return self.listed[folder]
        prefix = f"{folder}/" if folder else ""
        inside = [path.removeprefix(prefix) for path in self.secrets if path.startswith(prefix)]
        if not inside and folder:
            raise _Refused(404, _NOT_FOUND)
        return sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in inside})

    def _read(self, request: web.Request, path: str) -> web.Response:
        versions = self.secrets[path]
        number = int(request.query.get("version", "0")) or len(versions)
        if number > len(versions):
            raise _Refused(404, 17125378)
        version: dict[str, Any] = {"id": number, "state": "ACTIVE", "created_at": "2026-01-01T00:00:00Z"}
        if request.query.get("includeData") == "true" and versions[number - 1] is not None:
            version["data"] = versions[number - 1]
        metadata = {"current_version": len(versions), "cas_required": self.cas_required}
        return web.json_response({"path": path, "metadata": metadata, "version": version})

    def _create(self, document: dict[str, Any]) -> web.Response:
        path = document["path"]
        if path in self.secrets:
            raise _Refused(409, 17125379)
        self.secrets[path] = [document["version"]["data"]]
        self.stored.append(("", json.loads(json.dumps(document))))
        return web.json_response({"path": path, "version": {"id": 1}}, status=201)

    def _update(self, request: web.Request, path: str, document: dict[str, Any]) -> web.Response:
        versions = self.secrets[path]
        cas = request.query.get("cas")
        if (self.cas_required or cas is not None) and cas != str(len(versions)):
            raise _Refused(400, 17125380)
        versions.append(document["version"]["data"])
        self.stored.append((request.query_string, document))
        return web.json_response({"path": path, "version": {"id": len(versions)}})
