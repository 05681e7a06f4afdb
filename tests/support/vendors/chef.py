"""Chef Infra Server: users and data bags of one organisation, with the signatures of protocol 1.0."""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["USER", "Chef", "pem_of", "user_key"]

USER = "ann"
PREFIX = "/organizations/acme"


@functools.cache
def user_key(bits: int = 2048) -> RSAPrivateKey:
    """The key of the user, the same at every call."""
    return generate_private_key(65537, bits)


def pem_of(key: RSAPrivateKey) -> str:
    """A private key as users have it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@dataclass
class Chef(TokenServer):
    """The organisation `acme`.

    Attributes:
        bags: data bag -> item -> document.
        users: name -> public key.
        now: wall clock.
        fail_items: status of reads of these items.
    """

    bags: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, RSAPublicKey] = field(default_factory=dict)
    now: datetime | None = None
    fail_items: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.users.setdefault(USER, user_key().public_key())

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        self._check(request, await request.read())
        if request.method != "GET" or not request.path.startswith(f"{PREFIX}/"):
            raise Refused(404, {"error": ["canary"]})
        match request.path.removeprefix(f"{PREFIX}/").split("/"):
            case ["users", name] if name in self.users:
                return 200, {"username": name, "display_name": "canary"}
            case ["data", bag] if bag in self.bags:
                return 200, {item: f"{self.url}{PREFIX}/data/{bag}/{item}" for item in self.bags[bag]}
            case ["data", bag, item] if item in self.bags.get(bag, {}):
                if item in self.fail_items:
                    raise Refused(self.fail_items[item], {"error": ["canary"]})
                return 200, self.bags[bag][item]
        raise Refused(404, {"error": [f"canary {request.path}"]})

    def _check(self, request: web.Request, body: bytes) -> None:
        headers = request.headers
        if headers.get("X-Ops-Sign") != "algorithm=sha1;version=1.0" or headers.get("Accept") != "application/json":
            raise Refused(400, {"error": ["canary"]})
        if headers.get("X-Ops-Server-API-Version") != "1" or not headers.get("X-Chef-Version"):
            raise Refused(406, {"error": "invalid-x-ops-server-api-version"})
        moment = datetime.strptime(headers["X-Ops-Timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(moment - (self.now or datetime.now(UTC))) > timedelta(minutes=15):
            raise Refused(401, {"error": ["canary clock"]})
        user = headers["X-Ops-UserId"]
        key = self.users.get(user)
        if key is None or headers["X-Ops-Content-Hash"] != _hashed(body):
            raise Refused(401, {"error": [f"canary {user}"]})
        text = (
            f"Method:{request.method}\nHashed Path:{_hashed(request.path.encode())}\n"
            f"X-Ops-Content-Hash:{_hashed(body)}\nX-Ops-Timestamp:{headers['X-Ops-Timestamp']}\nX-Ops-UserId:{user}"
        )
        chunks: list[str] = []
        while f"X-Ops-Authorization-{len(chunks) + 1}" in headers:
            chunks.append(headers[f"X-Ops-Authorization-{len(chunks) + 1}"])
        if not chunks or any(len(chunk) != 60 for chunk in chunks[:-1]) or not 0 < len(chunks[-1]) <= 60:
            raise Refused(401, {"error": ["canary chunks"]})
        try:
            signed = key.recover_data_from_signature(base64.b64decode("".join(chunks)), PKCS1v15(), NoDigestInfo())
        except InvalidSignature:
            signed = b""
        if signed != text.encode():
            raise Refused(401, {"error": [f"canary {text}"]})


def _hashed(content: bytes) -> str:
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
