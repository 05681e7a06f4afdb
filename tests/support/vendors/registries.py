"""Quay, Cloudsmith and the Azure Container Registry with Entra: each exchanges one token for another."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["Azure", "Cloudsmith", "Quay"]


def issued(**claims: Any) -> str:
    """A JWT of the vendor."""
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


@dataclass
class Quay(TokenServer):
    """Robot account `org+robot`, federated with the ServiceAccount `app`."""

    token: str = field(default_factory=lambda: issued(exp=1800000000))

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if (request.method, request.path) != ("GET", "/oauth2/federation/robot/token"):
            raise Refused(404)
        pair = base64.b64encode(b"org+robot:token-of-app").decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            raise Refused(401, {"error": "invalid token"})
        return 200, {"token": self.token}


@dataclass
class Cloudsmith(TokenServer):
    """Organisation `my-org`, service `ci`."""

    status: int = 201
    token: str = field(default_factory=lambda: issued(exp=1800000000.0))

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if (request.method, request.path) != ("POST", "/openid/my-org/"):
            raise Refused(404)
        if await request.json() != {"oidc_token": "token-of-app", "service_slug": "ci"}:
            raise Refused(401, {"detail": "denied"})
        return self.status, {"token": self.token}


@dataclass
class Azure(TokenServer):
    """Entra, the instance metadata service and a registry at one address."""

    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.path == "/metadata/identity/oauth2/token":
            if request.headers.get("Metadata") != "true" or request.query["api-version"] != "2018-02-01":
                raise Refused(400)
            self.forms.append((request.path, dict(request.query)))
            return 200, {"access_token": "canary-entra"}
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.forms.append((request.path, form))
        if request.path == "/tenant/oauth2/v2.0/token":
            secret = form.get("client_secret") == "canary-secret"
            assertion = form.get("client_assertion") in ("token-of-app", "token-of-operator")
            if form["client_id"] != "client" or form["grant_type"] != "client_credentials" or not (secret or assertion):
                raise Refused(401, {"error": "invalid_client", "error_description": "canary-secret is wrong"})
            return 200, {"access_token": "canary-entra"}
        if request.path == "/oauth2/exchange":
            if (form["grant_type"], form["service"], form["access_token"]) != (
                "access_token",
                self.host,
                "canary-entra",
            ):
                raise Refused(401)
            return 200, {"refresh_token": "canary-refresh"}
        if request.path == "/oauth2/token":
            if (form["grant_type"], form["service"], form["refresh_token"]) != (
                "refresh_token",
                self.host,
                "canary-refresh",
            ):
                raise Refused(401)
            return 200, {"access_token": f"canary-access {form['scope']}"}
        raise Refused(404)
