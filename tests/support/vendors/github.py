"""GitHub's secrets of Actions: opens what is sealed, checks the App's JWT."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nacl.public import PrivateKey, SealedBox

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["Github"]

SCOPES = ("orgs/acme/actions/secrets", "repos/acme/app/actions/secrets", "repositories/99/environments/prod/secrets")


@dataclass
class Github(TokenServer):
    """App 12, installation 34; names of secrets are stored in upper case.

    Attributes:
        secrets: path of a scope -> name -> what was put there, opened.
        lifetime: seconds of an installation token.
        listed: what lists of repositories hold instead.
    """

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    box: PrivateKey = field(default_factory=PrivateKey.generate)
    secrets: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {scope: {} for scope in SCOPES})
    valid: set[str] = field(default_factory=set)
    lifetime: float = 3600.0
    signed_in: int = 0
    prefix: str = ""
    listed: list[Any] | None = None

    def pem(self) -> str:
        """The App's private key."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        path = request.path.removeprefix(f"/{self.prefix}").strip("/")
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if path == "app/installations/34/access_tokens" and scheme == "Bearer":
            return self._sign_in(token)
        if scheme != "token" or token not in self.valid:
            raise Refused(401, {"message": "Bad credentials canary"})
        if path == "repos/acme/app":
            return 200, {"id": 99}
        for scope, held in self.secrets.items():
            if path == scope:
                return 200, {"total_count": len(held), "secrets": []}
            if path.startswith(f"{scope}/"):
                return await self._secret(request, held, path.removeprefix(f"{scope}/"))
        raise Refused(404, {"message": "Not Found canary"})

    def _sign_in(self, token: str) -> tuple[int, Any]:
        try:
            claims = jwt.decode(token, self.key.public_key(), algorithms=["RS256"])
        except jwt.InvalidTokenError as err:
            raise Refused(401, {"message": "canary"}) from err
        if claims["iss"] != "12" or not 60 <= claims["exp"] - claims["iat"] <= 180:
            raise Refused(401, {"message": "canary"})
        self.signed_in += 1
        self.valid.add(f"ghs_canary{self.signed_in}")
        ends = (datetime.now(UTC) + timedelta(seconds=self.lifetime)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, {"token": f"ghs_canary{self.signed_in}", "expires_at": ends}

    async def _secret(self, request: web.Request, held: dict[str, dict[str, Any]], name: str) -> tuple[int, Any]:
        if name == "public-key":
            return 200, {"key_id": "key-1", "key": base64.b64encode(bytes(self.box.public_key)).decode()}
        name, _, rest = name.partition("/")
        name = name.upper()
        if request.method == "PUT":
            body = await request.json()
            if body.pop("key_id") != "key-1":
                raise Refused(422, {"message": "canary"})
            opened = SealedBox(self.box).decrypt(base64.b64decode(body.pop("encrypted_value")))
            status = 204 if name in held else 201
            held[name] = {"value": opened, **body}
            return status, None if status == 204 else {}
        if name not in held:
            raise Refused(404, {"message": "Not Found canary"})
        if rest == "repositories":
            ids = held[name]["selected_repository_ids"]
            at = int(request.query["page"])
            chosen = ids[(at - 1) * 100 : at * 100]
            shown = [{"id": number} for number in chosen] if self.listed is None else self.listed
            return 200, {"total_count": len(ids), "repositories": shown}
        if request.method == "DELETE":
            del held[name]
            return 204, None
        return 200, {"name": name, "visibility": held[name].get("visibility", "")}
