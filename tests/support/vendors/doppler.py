"""Doppler: one config, ETags, and the OIDC exchange."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from aiohttp import web

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["Doppler"]


@dataclass
class Doppler(TokenServer):
    """Project `backend`, config `prd`; the service token `dp.canary` knows them by itself."""

    secrets: dict[str, str] = field(default_factory=dict)
    valid: set[str] = field(default_factory=lambda: {"dp.canary"})
    lifetime: float = 3600.0
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    not_modified: int = 0
    agents: set[str] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        self.agents.add(request.headers.get("User-Agent", ""))
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        if request.path == "/v3/auth/oidc":
            return await self._exchange(request)
        user, _, password = self._basic(request).partition(":")
        if user not in self.valid or password:
            return self._refused(401, "Invalid Auth token")
        if request.path == "/v3/projects":
            return web.json_response({"projects": [], "success": True})
        if request.path == "/v3/configs/config/secrets/download" and request.method == "GET":
            return self._download(request)
        if request.path == "/v3/configs/config/secrets" and request.method == "POST":
            return await self._change(request)
        return self._refused(404, "Not found")

    def _basic(self, request: web.Request) -> str:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        return base64.b64decode(text).decode("utf-8", "replace") if scheme == "Basic" else ""

    def _refused(self, status: int, message: str) -> web.Response:
        return web.json_response({"messages": [f"{message} canary"], "success": False}, status=status)

    def _download(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("project", "backend") != "backend" or query.get("config", "prd") != "prd":
            return self._refused(404, "Could not find requested config")
        names = query["secrets"].split(",") if "secrets" in query else list(self.secrets)
        chosen = {name: self.secrets[name] for name in names if name in self.secrets}
        if query.get("name_transformer") == "lower-kebab":
            chosen = {name.lower().replace("_", "-"): value for name, value in chosen.items()}
        form = query.get("format", "json")
        if form == "env":
            if request.headers.get("Accept") != "text/plain":
                return self._refused(406, "Not acceptable")
            body = "".join(f'{name}="{value}"\n' for name, value in chosen.items())
        else:
            body = json.dumps(chosen)
        tag = f'W/"{hashlib.sha256(body.encode()).hexdigest()}"'
        if request.headers.get("If-None-Match") == tag:
            self.not_modified += 1
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(text=body, headers={"ETag": tag})

    async def _change(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.secrets.update(wanted.get("secrets") or {})
        for change in wanted.get("change_requests") or ():
            if change["shouldDelete"] and change["value"] is None:
                self.secrets.pop(change["originalName"], None)
        return web.json_response({"secrets": {}, "success": True})

    async def _exchange(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        claims = jwt.decode(wanted["token"], options={"verify_signature": False})
        if wanted["identity"] != "identity-1":
            return self._refused(401, "Unknown identity")
        self.claims.append(claims)
        token = f"dp.oidc.canary-{len(self.claims)}"
        self.valid.add(token)
        ends = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        return web.json_response(
            {"success": True, "token": token, "expires_at": ends.isoformat().replace("+00:00", "Z")}
        )
