"""senhasegura's API: OAuth tokens, and the secrets of an application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["CLIENT", "CLIENT_SECRET", "Senhasegura", "secret"]

CLIENT = "application"
CLIENT_SECRET = "canary-client"


def secret(identity: str, *data: dict[str, Any]) -> dict[str, Any]:
    """A secret of these objects."""
    return {
        "secret_id": "7",
        "secret_name": f"Name of {identity}",
        "identity": identity,
        "version": "1",
        "expiration_date": "",
        "engine": "Generic",
        "data": list(data),
    }


@dataclass
class Senhasegura(TokenServer):
    """One application.

    Attributes:
        secrets: that it may see.
        client_secret: of the application.
        lifetime: seconds that tokens say they live; None leaves it out.
        tokens: that are valid.
        issued: how many tokens were issued.
        said: members of `response` that differ from those of success.
        application: what the answer holds in place of the application.
    """

    secrets: list[dict[str, Any]] = field(default_factory=list)
    client_secret: str = CLIENT_SECRET
    lifetime: int | None = 3600
    tokens: set[str] = field(default_factory=set)
    issued: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    application: Any = None

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        match request.method, request.path:
            case "POST", "/iso/oauth2/token":
                return 200, self._token(request.content_type, await request.text())
            case "GET", "/iso/dapp/application":
                scheme, _, token = request.headers.get("Authorization", "").partition(" ")
                if scheme != "Bearer" or token not in self.tokens:
                    raise Refused(401, {"message": f"canary {token}"})
                whole = {"name": CLIENT, "tags": [], "Environment": "prod", "secrets": self.secrets}
                said = {"status": 200, "message": "canary", "error": False, "error_code": 0, **self.said}
                return 200, {"response": said, "application": self.application or whole}
        raise Refused(404, {"message": "canary"})

    def _token(self, content_type: str, body: str) -> dict[str, Any]:
        wanted = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": self.client_secret}
        if content_type != "application/x-www-form-urlencoded":
            raise Refused(415)
        if {name: values[0] for name, values in parse_qs(body).items()} != wanted:
            raise Refused(401, {"message": f"canary {body}"})
        self.issued += 1
        token = f"canary-token-{self.issued}"
        self.tokens.add(token)
        grant: dict[str, Any] = {"token_type": "Bearer", "access_token": token}
        return grant if self.lifetime is None else {**grant, "expires_in": self.lifetime}
