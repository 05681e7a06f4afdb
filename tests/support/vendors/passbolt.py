"""Passbolt's API: signing in with GPGAuth, resources of both generations, their types and secrets, metadata keys."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

import pysequoia
from aiohttp import web

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["FINGERPRINT", "PASSPHRASE", "PRIVATE_KEY", "USER", "Passbolt", "Refused"]

PASSPHRASE = "canary-passphrase"
FINGERPRINT = "fbd62cc2549d61968f6ca7270cc741c7272b2d14"
USER = "8bb80df5-700c-48ce-b568-85a60fc3c8f2"
PRIVATE_KEY = """\
-----BEGIN PGP PRIVATE KEY BLOCK-----

lIYEXgvhABYJKwYBBAHaRw8BAQdAzZ8u73H5IGwYP7nefW1KpFMlfZVWhgZ7W/rL
NhZiglb+BwMCQqWGZlKRBfhgSADyuzaktvYNm9FmyQl442w9D+jieYpmMTcMlkW2
11SvCbbtsFhHUqe2w3aJxJVjOO5CIIziMq/jOfz7wHuP/r5leDlxW7QVQWRhIDxh
ZGFAZXhhbXBsZS5jb20+iJAEExYIADgWIQT71izCVJ1hlo9spycMx0HHJystFAUC
XgvhAAIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRAMx0HHJystFKUoAQDs
8Re06dS0hOTWGum//b8MySr1dN/Z6LPO49qvHdpv7QD+KKCak4tjUP0FNlMP5qqM
wF6ur5/0aHzbPaKkNooq0QiciwReC+EAEgorBgEEAZdVAQUBAQdAqQ6+RZw+PUT9
80NMDY64CoJwy2IkiUa2nhOLjDlajmEDAQgH/gcDAvaYmuXwghfQYDxef/0CYPOB
bBBtWb/ojLXNNZNlhz7wJGJm52paXMIxENw0o/xEIDqzqLRuB6p4b+4I8KFEOP5B
7dQ4CtQXbL3QKYKmzKCIeAQYFggAIBYhBPvWLMJUnWGWj2ynJwzHQccnKy0UBQJe
C+EAAhsMAAoJEAzHQccnKy0URPcA/10QorRhixJZb37O/oo8LLv9hhbQUHz5HyRz
Was8z3EfAP9mUvIdpymW8I4XF7rrP+0UxMY39A1OhpI0MxgOdxOhCA==
=vcZA
-----END PGP PRIVATE KEY BLOCK-----
"""

_QUOTED = re.compile(r"([.\\+*?\[^\]$()])")


class Refused(Exception):
    """The request is refused with a status, a message and headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, url: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.url = url


@dataclass
class Passbolt(TokenServer):
    """A server with one user, who owns `PRIVATE_KEY`.

    Attributes:
        keys: public keys of users, by fingerprint.
        resources: what was added, by id.
        secrets: armored messages, by id of the resource.
        types: id -> slug.
        sessions: session cookies that are valid -> their CSRF tokens.
        cookie: name of the session cookie; empty sets none.
        nonce: what the user must decrypt; None makes one at each login.
        mfa: whether a second factor is asked for.
        private_keys: copies of the metadata key; None for the one of the user.
        errors_as: HTTP status of refusals; 0 for their own.
        ids_only: whether lists tell nothing but ids.
        unknown_as: HTTP status for those who are not signed in.
    """

    keys: dict[str, pysequoia.Cert] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    cookie: str = "passbolt_session"
    nonce: str | None = None
    mfa: bool = False
    private_keys: list[dict[str, Any]] | None = None
    errors_as: int = 0
    ids_only: bool = False
    unknown_as: int = 401

    def __post_init__(self) -> None:
        self.user = pysequoia.Tsk.from_bytes(PRIVATE_KEY.encode()).extract_certificate()
        self.keys = {self.user.fingerprint: self.user}
        self.shared = pysequoia.Tsk.generate("metadata")
        self.shared_id = str(uuid4())
        self._nonces: dict[str, str] = {}

    def add(self, slug: str | None, secret: str, *, sign: bool = False, **shown: Any) -> str:
        """A resource whose fields are not secret; its id."""
        identity = str(uuid4())
        self.resources[identity] = {"id": identity, "resource_type_id": slug and self._type(slug), **shown}
        signer = pysequoia.Tsk.generate("colleague").signer() if sign else None
        self.secrets[identity] = self.encrypted(secret, self.user, signer)
        return identity

    def add_v5(self, slug: str, secret: str, *, shared: bool = True, **metadata: Any) -> str:
        """A resource with encrypted metadata; its id."""
        content = json.dumps({"object_type": "PASSBOLT_RESOURCE_METADATA", **metadata})
        key = self.shared.extract_certificate() if shared else self.user
        return self.add(
            slug,
            secret,
            name=None,
            username=None,
            uri=None,
            description=None,
            metadata=self.encrypted(content, key),
            metadata_key_id=self.shared_id if shared else str(uuid4()),
            metadata_key_type="shared_key" if shared else "user_key",
        )

    def encrypted(self, content: str, key: pysequoia.Cert, signer: pysequoia.PySigner | None = None) -> str:
        """An armored message."""
        return pysequoia.encrypt(content.encode(), recipients=[key], signer=signer).decode()

    def _type(self, slug: str) -> str:
        known = {name: identity for identity, name in self.types.items()}
        identity = known.get(slug) or str(uuid4())
        self.types[identity] = slug
        return identity

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it in an envelope."""
        self.seen.append(f"{request.method} {request.path}")
        if self.fault is not None:
            status, headers, content = self.fault
            return web.Response(status=status, headers=headers, body=content)
        header: dict[str, Any] = {"id": str(uuid4()), "servertime": 1700000000, "action": str(uuid4())}
        try:
            if request.query.get("api-version") != "v2":
                raise Refused(400, "the version of the API is missing")
            response, body = web.Response(), None
            if request.path == "/auth/login.json" and request.method == "POST":
                body = await self._login(request, response)
            else:
                body = await self._answer(request, response)
            header |= {"status": "success", "code": 200, "message": "OK", "url": request.path}
        except Refused as refused:
            response = web.Response(status=self.errors_as or refused.status, headers=refused.headers)
            message, body = f"canary {refused}", {"canary": "canary"}
            url = refused.url or request.path
            header |= {"status": "error", "code": refused.status, "message": message, "url": url}
        response.content_type = "application/json"
        response.text = json.dumps({"header": header, "body": body})
        return response

    async def _login(self, request: web.Request, response: web.Response) -> Any:
        auth = (await request.json())["gpg_auth"]
        key = self.keys.get(auth["keyid"].lower())
        if key is None:
            raise Refused(404, "there is no user with this key")
        shown = auth.get("user_token_result")
        if shown is None:
            nonce = self.nonce or f"gpgauthv1.3.0|36|{uuid4()}|gpgauthv1.3.0"
            self._nonces[key.fingerprint] = nonce
            token = _QUOTED.sub(r"\\\1", quote_plus(self.encrypted(nonce, key)))
            headers = {"X-GPGAuth-User-Auth-Token": token, "X-GPGAuth-Progress": "stage1"}
            raise Refused(400, "The authentication failed.", headers)
        if self._nonces.pop(key.fingerprint, None) != shown:
            raise Refused(403, "wrong token")
        session = f"canary-session-{len(self.seen)}"
        self.sessions[session] = f"canary-csrf-{len(self.seen)}"
        if self.cookie:
            response.set_cookie(self.cookie, session, path="/", httponly=True)
        return {"id": USER}

    async def _answer(self, request: web.Request, response: web.Response) -> Any:
        session = request.cookies.get(self.cookie, "")
        if session not in self.sessions:
            raise Refused(self.unknown_as, "Authentication is required to continue")
        if self.mfa:
            raise Refused(403, "MFA authentication is required.", url="/mfa/verify/error.json")
        parts = request.path.removesuffix(".json").strip("/").split("/")
        if request.method == "POST":
            csrf = self.sessions[session]
            if csrf not in (request.cookies.get("csrfToken"), "") or request.headers.get("X-CSRF-Token") != csrf:
                raise Refused(403, "Missing or incorrect CSRF cookie type.")
            if parts != ["auth", "logout"]:
                raise Refused(404, "no such action")
            del self.sessions[session]
            return None
        return self._read(request, parts, session, response)

    def _read(self, request: web.Request, parts: list[str], session: str, response: web.Response) -> Any:
        match parts:
            case ["auth", "is-authenticated"]:
                return None
            case ["users", "me"]:
                response.set_cookie("csrfToken", self.sessions[session], path="/")
                return {"id": USER, "username": "ada@example.com", "gpgkey": {"fingerprint": FINGERPRINT.upper()}}
            case ["resources"]:
                return [{"id": one} if self.ids_only else whole for one, whole in self.resources.items()]
            case ["resources", identity] if identity in self.resources:
                return self.resources[identity]
            case ["resource-types", identity] if identity in self.types:
                return {"id": identity, "slug": self.types[identity], "definition": {}}
            case ["secrets", "resource", identity] if identity in self.secrets:
                return {"id": str(uuid4()), "resource_id": identity, "user_id": USER, "data": self.secrets[identity]}
            case ["metadata", "keys"] if request.query.get("contain[metadata_private_keys]") == "1":
                return [{"id": self.shared_id, "metadata_private_keys": self._copies()}]
        raise Refused(404, f"{parts[-1]} does not exist")

    def _copies(self) -> list[dict[str, Any]]:
        if self.private_keys is not None:
            return self.private_keys
        content = {
            "object_type": "PASSBOLT_METADATA_PRIVATE_KEY",
            "domain": self.url,
            "fingerprint": self.shared.extract_certificate().fingerprint,
            "armored_key": str(self.shared),
            "passphrase": "",
        }
        return [{"user_id": USER, "data": self.encrypted(json.dumps(content), self.user)}]
