"""Onboardbase: the environment `production` of the project `app`, encrypted as CryptoJS does."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["API_KEY", "PASSCODE", "Onboardbase", "encrypted"]

API_KEY = "canary-api-key"
PASSCODE = "canary-passcode"


def encrypted(text: bytes, passcode: str = PASSCODE) -> str:
    """As `CryptoJS.AES.encrypt(text, passcode).toString()`."""
    salt = os.urandom(8)
    first = hashlib.md5(passcode.encode() + salt).digest()
    second = hashlib.md5(first + passcode.encode() + salt).digest()
    third = hashlib.md5(second + passcode.encode() + salt).digest()
    missing = 16 - len(text) % 16
    encryptor = Cipher(AES(first + second), CBC(third)).encryptor()
    blocks = encryptor.update(text + bytes([missing]) * missing) + encryptor.finalize()
    return base64.b64encode(b"Salted__" + salt + blocks).decode()


@dataclass
class Onboardbase(TokenServer):
    """The API below `/api/v1`.

    Attributes:
        secrets: key -> value.
        keys: API keys that are accepted.
        raw: what the list holds in place of the secrets.
        passcode: that secrets are encrypted with.
        queries: of the requests for secrets.
        status: of successful answers.
    """

    secrets: dict[str, bytes] = field(default_factory=dict)
    keys: set[str] = field(default_factory=lambda: {API_KEY})
    raw: list[Any] | None = None
    passcode: str = PASSCODE
    queries: list[dict[str, str]] = field(default_factory=list)
    status: int = 200

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """The secrets, or the members of the team."""
        shown = request.headers.get("api_key")
        if shown not in self.keys:
            raise Refused(401, {"messages": [f"canary {shown} is not an API key"], "success": False})
        agent = request.headers.get("User-Agent"), request.content_type
        if request.method != "GET" or agent != ("onboardbase-external-secrets", "application/json"):
            raise Refused(400, {"messages": ["canary"], "success": False})
        if request.path == "/api/v1/team/members":
            return self.status, {"data": [{"email": "canary@example.com"}], "status": "success"}
        if request.path != "/api/v1/secrets":
            raise Refused(404, {"messages": ["canary"], "success": False})
        query = dict(request.query)
        self.queries.append(query)
        if query not in ({"project": "app", "environment": "production"}, {"project": "app"}, {}):
            raise Refused(404, {"messages": ["canary: no such project"], "success": False})
        listed = self._listed() if self.raw is None else self.raw
        data = {"project": {"title": "app"}, "environment": {"title": "production"}, "secrets": listed}
        return self.status, {"data": data, "status": "success", "message": "ok"}

    def _listed(self) -> list[dict[str, str]]:
        return [
            {"id": str(number), "key": encrypted(key.encode(), self.passcode), "value": encrypted(text, self.passcode)}
            for number, (key, text) in enumerate(self.secrets.items())
        ]
