"""GitHub's endpoint for installation tokens: checks the App's JWT with its public key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["GithubApp"]


@dataclass
class GithubApp(TokenServer):
    """App `12`, installation `34`."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    now: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)

    def pem(self, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
        """The private key."""
        return self.key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refused(401, {"message": "Requires authentication"})
        try:
            options = {"verify_exp": False, "verify_iat": False}
            self.claims = jwt.decode(token, self.key.public_key(), algorithms=["RS256"], options=options)
        except jwt.InvalidTokenError as err:
            raise Refused(401, {"message": "A JSON web token could not be decoded"}) from err
        # As GitHub: issued in the past, at most ten minutes long, not over.
        if not self.claims["iat"] <= self.now < self.claims["exp"] <= self.claims["iat"] + 600:
            raise Refused(401, {"message": "'Expiration time' claim ('exp') is too far in the future"})
        if self.claims["iss"] != "12" or request.headers["Accept"] != "application/vnd.github.v3+json":
            raise Refused(400, {"message": "bad request"})
        if (request.method, request.path) != ("POST", "/app/installations/34/access_tokens"):
            raise Refused(404, {"message": "Not Found"})
        self.bodies.append(await request.read())
        if not self.bodies[-1] and "Content-Type" in request.headers:
            raise Refused(400, {"message": "bad request"})
        return 201, {"token": "ghs_canary-token", "expires_at": "2026-01-01T01:00:00Z"}
