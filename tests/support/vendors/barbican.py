"""Keystone's and Barbican's API: tokens of version 3 and 2.0 with a catalogue, payloads, and the list in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["PASSWORD", "Barbican", "uuid"]

PASSWORD = "canary-password"


def uuid(number: int) -> str:
    """The id of a secret."""
    return f"00000000-0000-4000-8000-{number:012}"


@dataclass
class Barbican(TokenServer):
    """User `ann` of domain `Default` and project `web`; Barbican in the regions `one` and `two`.

    Attributes:
        secrets: id -> name (None has none) and payload; one that is no text may be read as octets only.
        password: of the user.
        issued: now, for tokens.
        lifetime: seconds that tokens live; None does not tell.
        tokens: that are valid.
        page: secrets of a page at most.
        advertised: host in links; empty for the one that is asked.
        suffix: of endpoints in the catalogue.
        bodies: what was sent to sign in.
    """

    secrets: dict[str, tuple[str | None, bytes]] = field(default_factory=dict)
    password: str = PASSWORD
    issued: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    lifetime: float | None = 3600.0
    tokens: set[str] = field(default_factory=set)
    page: int = 100
    advertised: str = ""
    suffix: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        forwarded = request.headers.get("X-Forwarded-Host")
        here = f"https://{forwarded}" if forwarded else self.url
        try:
            match parts:
                case [*_, "v3", "auth", "tokens"] if request.method == "POST":
                    return self._third((await request.json())["auth"], here)
                case [*_, "v2.0", "tokens"] if request.method == "POST":
                    return self._second((await request.json())["auth"], here)
                case ["key", "one" | "two", "v1", *rest] if request.method == "GET":
                    if request.headers.get("X-Auth-Token") not in self.tokens:
                        raise Refused(401)
                    return self._read(request, rest, here)
            raise Refused(404)
        except Refused as refused:
            error = {"error": {"code": refused.status, "message": "canary", "title": "canary"}}
            return web.json_response(error, status=refused.status)

    def _third(self, auth: dict[str, Any], here: str) -> web.Response:
        self.bodies.append(auth)
        identity = auth["identity"]
        user = identity["password"]["user"]
        domain = {"name": "Default"}
        known = {"name": "ann", "password": self.password, "domain": domain}
        if identity["methods"] != ["password"] or user != known:
            raise Refused(401)
        token: dict[str, Any] = {"methods": ["password"], "issued_at": self.issued.isoformat()}
        if self.lifetime is not None:
            ends = self.issued + timedelta(seconds=self.lifetime)
            token["expires_at"] = ends.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        if "scope" in auth:
            if auth["scope"] != {"project": {"name": "web", "domain": domain}}:
                raise Refused(401)
            token["catalog"] = [
                {"type": "identity", "name": "keystone", "endpoints": [{"interface": "public", "url": "canary"}]},
                {"type": "key-manager", "name": "barbican", "endpoints": self._endpoints(here)},
            ]
        return web.json_response({"token": token}, status=201, headers={"X-Subject-Token": self._issue()})

    def _endpoints(self, here: str) -> list[dict[str, str]]:
        return [
            {"interface": interface, "region": region, "region_id": region, "url": f"{url}/key/{region}{self.suffix}"}
            for region in ("one", "two")
            for interface, url in (("internal", "http://internal.invalid"), ("public", here))
        ]

    def _second(self, auth: dict[str, Any], here: str) -> web.Response:
        self.bodies.append(auth)
        if auth != {"passwordCredentials": {"username": "ann", "password": self.password}, "tenantName": "web"}:
            raise Refused(401)
        endpoints = [{"region": region, "publicURL": f"{here}/key/{region}/"} for region in ("one", "two")]
        catalogue = [{"type": "key-manager", "endpoints": endpoints}]
        token = {"id": self._issue(), "expires": "2026-01-01T01:00:00Z"}
        return web.json_response({"access": {"token": token, "serviceCatalog": catalogue}})

    def _issue(self) -> str:
        token = f"canary-token-{len(self.bodies)}"
        self.tokens.add(token)
        return token

    def _read(self, request: web.Request, parts: list[str], here: str) -> web.Response:
        match parts:
            case ["secrets"]:
                return self._list(request, here)
            case ["secrets", identity, "payload"] if identity in self.secrets:
                payload = self.secrets[identity][1]
                try:
                    payload.decode()
                except UnicodeDecodeError:
                    raise Refused(406) from None
                if request.headers.get("Accept") != "text/plain":
                    raise Refused(406)
                return web.Response(body=payload, content_type="text/plain")
        raise Refused(404)

    def _list(self, request: web.Request, here: str) -> web.Response:
        size = min(self.page, int(request.query.get("limit", "10")))
        offset = int(request.query.get("offset", "0"))
        host = (self.advertised or here) + request.path.removesuffix("/secrets")
        listed = [
            {"name": name, "secret_ref": f"{host}/secrets/{identity}", "status": "ACTIVE", "secret_type": "opaque"}
            for identity, (name, _) in self.secrets.items()
        ]
        answer: dict[str, Any] = {"secrets": listed[offset : offset + size], "total": len(listed)}
        if offset + size < len(listed):
            answer["next"] = f"{host}/secrets?limit={size}&offset={offset + size}"
        return web.json_response(answer)
