"""Pulumi ESC: sessions of environments, their properties, definitions in YAML, and the exchange of tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["TOKEN", "Pulumi"]

TOKEN = "pul-canary-token"
_TYPE = "urn:ietf:params:oauth:token-type:id_token"


@dataclass
class Pulumi(TokenServer):
    """One environment `acme/web/prod`, whose definition is plain but for `fn::secret`.

    Attributes:
        definition: of the environment, in YAML.
        tokens: that are accepted.
        lifetime: seconds that exchanged tokens live, as the answer says it.
        conflicts: writes that still fail because somebody else was faster; each of them adds a comment.
        evaluates: whether it can be opened.
        exchanged: documents of token exchanges.
        claims: of the tokens in them.
        sources: `X-Pulumi-Source` and `User-Agent` of requests.
        written: definitions.
        opened: sessions that are open -> values when they were opened.
        revision: of the definition.
    """

    definition: str = "values: {}\n"
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    lifetime: Any = 3600
    conflicts: int = 0
    evaluates: bool = True
    exchanged: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    sources: set[tuple[str, str]] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    opened: dict[str, Any] = field(default_factory=dict)
    revision: int = 1

    @property
    def values(self) -> Any:
        """What the definition holds."""
        return yaml.safe_load(self.definition)["values"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The definition goes out as YAML; everything else is JSON."""
        if self.fault is None and request.method == "GET" and request.path.endswith("/environments/acme/web/prod"):
            self.seen.append(f"GET {request.rel_url.raw_path_qs}")
            if not self._allowed(request):
                return web.json_response({"code": 401, "message": "canary"}, status=401)
            headers = {"ETag": f'"{self.revision}"', "Content-Type": "application/x-yaml"}
            return web.Response(body=self.definition.encode(), headers=headers)
        return await super().handle(request)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """See `TokenServer`."""
        if request.method == "POST" and request.path == "/api/oauth/token":
            return self._exchange(await request.json())
        self.sources.add((request.headers.get("X-Pulumi-Source", ""), request.headers.get("User-Agent", "")))
        if not self._allowed(request):
            raise Refused(401, {"code": 401, "message": "Unauthorized canary"})
        place = request.rel_url.raw_path.removeprefix("/api/esc/environments/acme/web/prod")
        match (request.method, place.replace("//", "/").split("/")[1:]):
            case ("POST", ["open"]):
                return self._open()
            case ("GET", ["open", session]) if session in self.opened:
                return 200, self._property(session, request.query["property"])
            case ("PATCH", []):
                return self._patch(request, await request.text())
        raise Refused(404, {"code": 404, "message": "Not found canary"})

    def _allowed(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("token ") in self.tokens

    def _open(self) -> tuple[int, Any]:
        if not self.evaluates:
            raise Refused(400, {"code": 400, "diagnostics": [{"summary": "canary"}]})
        session = f"session-{len(self.opened)}"
        self.opened[session] = _wrapped(self.values)
        return 200, {"id": session}

    def _property(self, session: str, path: str) -> Any:
        at = self.opened[session]
        for key in path.replace('["', ".").replace('"]', "").replace("[", ".").replace("]", "").strip(".").split("."):
            inner = at["value"]
            if isinstance(inner, list) and key.isdigit() and int(key) < len(inner):
                at = inner[int(key)]
            elif isinstance(inner, dict) and key in inner:
                at = inner[key]
            else:
                raise Refused(400, {"code": 400, "message": f"path {path} not found canary"})
        return at

    def _patch(self, request: web.Request, text: str) -> tuple[int, Any]:
        assert request.headers["Content-Type"] == "application/x-yaml"
        if self.conflicts > 0:
            self.conflicts -= 1
            self.definition += "# somebody else\n"
            self.revision += 1
        if request.headers.get("ETag") not in (None, f'"{self.revision}"'):
            raise Refused(409, {"code": 409, "message": f"Conflict canary {text}"})
        self.definition = text
        self.revision += 1
        self.written.append(text)
        return 200, {}

    def _exchange(self, document: Mapping[str, Any]) -> tuple[int, Any]:
        self.exchanged.append({name: value for name, value in document.items() if name != "subject_token"})
        claims = json.loads(base64.urlsafe_b64decode(document["subject_token"].split(".")[1] + "=="))
        self.claims.append(claims)
        if document["audience"] != "urn:pulumi:org:acme" or document["subject_token_type"] != _TYPE:
            raise Refused(400, {"error": "invalid_request", "error_description": f"canary {document}"})
        token = f"pul-canary-{len(self.exchanged)}"
        self.tokens.add(token)
        return 200, {"access_token": token, "token_type": "token", "expires_in": self.lifetime, "scope": ""}


def _wrapped(value: Any, *, secret: bool = False) -> dict[str, Any]:
    """A value as an open environment shows it."""
    if isinstance(value, dict) and set(value) == {"fn::secret"}:
        return _wrapped(value["fn::secret"], secret=True)
    inner: Any = value
    if isinstance(value, dict):
        inner = {key: _wrapped(member) for key, member in value.items()}
    elif isinstance(value, list):
        inner = [_wrapped(member) for member in value]
    return {"value": inner, **({"secret": True} if secret else {}), "trace": {"def": {"environment": "prod"}}}
