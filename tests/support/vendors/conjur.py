"""Conjur's API: three authenticators, access tokens, variables one by one and in batches, resources in pages."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["API_KEY", "JWT", "Conjur"]

API_KEY = "canary-api-key"
JWT = "canary-jwt"


@dataclass
class Conjur(TokenServer):
    """The account `acme`; user `host/reader`, service `svc`.

    Attributes:
        variables: id -> value; None has no value yet.
        annotations: id -> annotations.
        forbidden: ids that are listed, but may not be read.
        api_keys: login -> key.
        jwts: tokens that are accepted besides those of ServiceAccounts.
        lifetime: seconds between `iat` and `exp` of access tokens; None issues tokens without end.
        encodes: whether batches can be encoded.
        encoding_header: the name that tells so, as a proxy may write it.
        tokens: access tokens that are valid -> who they are of.
        signed_in: who signed in, in order.
    """

    variables: dict[str, bytes | None] = field(default_factory=dict)
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    api_keys: dict[str, str] = field(default_factory=lambda: {"host/reader": API_KEY})
    jwts: set[str] = field(default_factory=lambda: {JWT})
    lifetime: float | None = None
    encodes: bool = True
    encoding_header: str = "Content-Encoding"
    tokens: dict[str, str] = field(default_factory=dict)
    signed_in: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        try:
            if parts[-1] == "authenticate" and request.method == "POST":
                return web.json_response(self._token(await self._identity(parts, request)))
            self._check(request)
            return self._answer(parts, request)
        except Refused as refused:
            error = {"error": {"code": "refused", "message": f"canary {refused.body}"}}
            return web.json_response(error, status=refused.status)

    async def _identity(self, parts: list[str], request: web.Request) -> str:
        body = (await request.read()).decode()
        match parts:
            case ["authn", "acme", login, _]:
                if not body or self.api_keys.get(login) != body:
                    raise Refused(401, body)
                return login
            case ["authn-jwt", "svc", "acme", *host]:
                if request.content_type != "application/x-www-form-urlencoded":
                    raise Refused(400, body)
                token = parse_qs(body).get("jwt", [""])[0]
                if token not in self.jwts and not self._of_account(token):
                    raise Refused(401, token)
                return "jwt:" + "/".join(host[:-1])
            case ["authn-cert", "svc", "acme", *host]:
                seen = request.transport.get_extra_info("peercert") if request.transport else None
                if not seen:
                    raise Refused(401, "no client certificate")
                return "cert:" + "/".join(host[:-1])
        raise Refused(404, "")

    def _of_account(self, token: str) -> bool:
        parts = token.split(".")
        if len(parts) != 3:
            return False
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return str(claims.get("sub", "")).startswith("system:serviceaccount:")

    def _token(self, identity: str) -> dict[str, str]:
        issued = int(time.time())
        claims: dict[str, Any] = {"sub": identity, "iat": issued, "n": len(self.signed_in)}
        if self.lifetime is not None:
            claims["exp"] = issued + self.lifetime
        self.signed_in.append(identity)

        def encoded(value: Any) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()

        token = {
            "protected": encoded({"alg": "conjur.org/slosilo/v2", "kid": "1"}),
            "payload": encoded(claims),
            "signature": f"canary-signature-{len(self.signed_in)}",
        }
        self.tokens[token["signature"]] = identity
        return token

    def _check(self, request: web.Request) -> None:
        scheme, _, rest = request.headers.get("Authorization", "").partition(' token="')
        if scheme != "Token" or not rest.endswith('"'):
            raise Refused(401, "")
        shown = json.loads(base64.b64decode(rest[:-1], validate=True))
        if shown.get("signature") not in self.tokens:
            raise Refused(401, rest)

    def _answer(self, parts: list[str], request: web.Request) -> web.Response:
        match parts:
            case ["secrets", "acme", "variable", identity]:
                return web.Response(body=self._read(identity), content_type="application/octet-stream")
            case ["secrets"]:
                return self._batch(request)
            case ["resources", "acme"]:
                limit, offset = int(request.query["limit"]), int(request.query.get("offset", "0"))
                listed = [self._resource(identity) for identity in sorted(self.variables)]
                return web.json_response(listed[offset : offset + limit])
        raise Refused(404, "")

    def _read(self, identity: str) -> bytes:
        if identity in self.forbidden:
            raise Refused(403, identity)
        value = self.variables.get(identity)
        if value is None:
            raise Refused(404, identity)
        return value

    def _batch(self, request: web.Request) -> web.Response:
        ids = [each for each in request.query.get("variable_ids", "").split(",") if each]
        if not ids:
            raise Refused(422, "variable_ids")
        for each in ids:
            if not each.startswith("acme:variable:"):
                raise Refused(404, each)
        found = {each: self._read(each.removeprefix("acme:variable:")) for each in ids}
        if self.encodes and request.headers.get("Accept-Encoding", "") == "base64":
            encoded = {each: base64.b64encode(value).decode() for each, value in found.items()}
            return web.json_response(encoded, headers={self.encoding_header: "base64"})
        try:
            return web.json_response({each: value.decode() for each, value in found.items()})
        except UnicodeDecodeError:
            raise Refused(406, "binary") from None

    def _resource(self, identity: str) -> Mapping[str, Any]:
        pairs = self.annotations.get(identity, {})
        return {
            "created_at": "2026-01-01T00:00:00.000+00:00",
            "id": f"acme:variable:{identity}",
            "owner": "acme:policy:root",
            "annotations": [
                {"name": name, "value": value, "policy": "acme:policy:root"} for name, value in pairs.items()
            ],
        }
