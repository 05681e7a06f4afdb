"""A key vault and Entra on loopback: TLS, bearer challenge, versions, soft delete, pages, metadata service, faults on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from tests.support.keypairs import key_pair
from tests.support.loopback import serving

__all__ = ["CLIENT", "SECRET", "TENANT", "Azure", "Fault", "azure"]

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "app-client"
SECRET = "canary-client-secret"
NOW = 1_800_000_000
_PAGE = 2
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Fault:
    """An answer in place of the vault's, or of Entra's (`path` holds `/token`)."""

    path: str
    status: int = 500
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error":{"code":"Oops","message":"canary-vendor-text"}}'
    delay: float = 0.0


@dataclass
class Azure:
    """What is stored, who may sign in, and what was asked."""

    url: str = ""
    ca: bytes = b""
    objects: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    sign_ins: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    clients: dict[str, str] = field(default_factory=lambda: {CLIENT: SECRET})
    """Client id -> its secret."""
    owners: dict[str, str] = field(default_factory=dict)
    """Token -> client id it was issued to."""
    callers: list[str] = field(default_factory=list)
    """Client ids of the requests in `seen`."""
    assertions: dict[str, str] = field(default_factory=dict)
    """Federated token -> client id it is good for; an empty token stands for any."""
    certificate: x509.Certificate | None = None
    identities: tuple[str, ...] = ("",)
    next_link: str = ""
    resource: str = "https://vault.azure.net"
    """What the challenge names."""
    lifetime: int = 3600
    versions: set[str] = field(default_factory=set)

    def put(self, kind: str, name: str, **body: Any) -> str:
        """Store a version as somebody else would; the id of the version."""
        held = self.objects.setdefault((kind, name), [])
        version = f"{len(held) + 1:032x}"
        attributes = {"enabled": True, "created": NOW, "updated": NOW, **body.pop("attributes", {})}
        member = "kid" if kind == "keys" else "id"
        item = {**body, "attributes": attributes}
        identifier = f"{self.url}/{kind}/{name}/{version}"
        if kind == "keys":
            item["key"] = {member: identifier, **{k: v for k, v in item["key"].items() if k not in _PRIVATE}}
        else:
            item[member] = identifier
        held.append(item)
        return version

    def latest(self, kind: str, name: str) -> dict[str, Any]:
        """The newest version."""
        return self.objects[kind, name][-1]

    def paths(self, method: str = "") -> list[str]:
        """Paths of authorised requests, oldest first."""
        return [path for how, path, _ in self.seen if method in ("", how)]

    # --- Entra

    async def token(self, request: web.Request) -> web.StreamResponse:
        failed = await self._fault(request)
        if failed is not None:
            return failed
        form = {key: str(value) for key, value in (await request.post()).items()}
        form["tenant"] = request.match_info["tenant"]
        self.sign_ins.append(form)
        if form.get("grant_type") != "client_credentials" or form["tenant"] != TENANT:
            return _refused(400, "invalid_request")
        if not form.get("scope", "").startswith("https://vault."):
            return _refused(400, "invalid_scope")
        if not self._proven(form):
            return _refused(401, "invalid_client")
        return web.json_response(
            {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": self._issued(form)}
        )

    def _proven(self, form: dict[str, str]) -> bool:
        if "client_secret" in form:
            return self.clients.get(form.get("client_id", "")) == form["client_secret"]
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            return False
        assertion = form.get("client_assertion", "")
        if self.certificate is not None:
            return self._signed(assertion)
        return self.assertions.get(assertion, self.assertions.get("")) == form.get("client_id")

    def _signed(self, assertion: str) -> bool:
        head, claims, signature = assertion.split(".")
        assert self.certificate is not None
        body = json.loads(_decoded(claims))
        algorithm = json.loads(_decoded(head))["alg"]
        pad: Any = padding.PKCS1v15()
        if algorithm == "PS256":
            pad = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        key: Any = self.certificate.public_key()
        try:
            key.verify(_decoded(signature), f"{head}.{claims}".encode(), pad, hashes.SHA256())
        except InvalidSignature:
            return False
        return bool(body["iss"] == body["sub"] == CLIENT)

    def _issued(self, form: Mapping[str, str]) -> str:
        token = f"canary-token-{len(self.tokens) + 1}-{len(self.sign_ins)}"
        self.tokens.add(token)
        self.owners[token] = form.get("client_id", "")
        return token

    async def imds(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Metadata") != "true":
            return _refused(400, "invalid_request")
        self.sign_ins.append({key: str(value) for key, value in request.query.items()})
        if request.query.get("client_id", "") not in self.identities:
            return _refused(400, "invalid_request")
        if not request.query["resource"].startswith("https://vault."):
            return _refused(400, "invalid_resource")
        return web.json_response({"access_token": self._issued(request.query), "expires_on": str(4_000_000_000)})

    # --- the vault

    async def vault(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            challenge = f'Bearer authorization="https://login.example/{TENANT}", resource="{self.resource}"'
            return web.json_response(
                {"error": {"code": "Unauthorized"}}, status=401, headers={"WWW-Authenticate": challenge}
            )
        if "api-version" not in request.query:
            return _failed(400, "BadParameter")
        self.versions.add(request.query["api-version"])
        body = json.loads(await request.text() or "{}")
        self.seen.append((request.method, request.path, body))
        self.callers.append(self.owners[token])
        failed = await self._fault(request)
        if failed is not None:
            return failed
        parts = request.path.strip("/").split("/")
        if len(parts) == 1:
            return self._listed(request, parts[0])
        kind, name, rest = parts[0], parts[1], "/".join(parts[2:])
        if request.method == "GET":
            return self._read(kind, name, rest)
        if request.method == "DELETE":
            return self._delete(kind, name)
        return self._store(kind, name, rest, body)

    def _listed(self, request: web.Request, kind: str) -> web.Response:
        names = sorted(name for where, name in self.objects if where == kind and (kind, name) not in self.deleted)
        start = int(request.query.get("$skiptoken", "0"))
        items: list[dict[str, Any]] = []
        for name in names[start : start + _PAGE]:
            newest = self.latest(kind, name)
            shown: dict[str, Any] = {key: newest[key] for key in ("tags", "attributes", "contentType") if key in newest}
            items.append({"id": f"{self.url}/{kind}/{name}", **shown})
        link = None
        if start + _PAGE < len(names):
            version = request.query["api-version"]
            link = self.next_link or f"{self.url}/{kind}?api-version={version}&$skiptoken={start + _PAGE}"
        return web.json_response({"value": items, "nextLink": link})

    def _read(self, kind: str, name: str, version: str) -> web.Response:
        held = self.objects.get((kind, name), [])
        if (kind, name) in self.deleted or not held:
            return _failed(404, f"{kind[:-1].capitalize()}NotFound")
        found = held[-1]
        if version:
            matching = [item for item in held if str(item.get("id") or item["key"]["kid"]).endswith(version)]
            if not matching:
                return _failed(404, "SecretNotFound")
            found = matching[0]
        if not found["attributes"]["enabled"]:
            return _failed(403, "Forbidden", "SecretDisabled")
        return web.json_response(found)

    def _delete(self, kind: str, name: str) -> web.Response:
        if (kind, name) not in self.objects or (kind, name) in self.deleted:
            return _failed(404, "SecretNotFound")
        self.deleted.add((kind, name))
        return web.json_response({**self.latest(kind, name), "recoveryId": f"{self.url}/deleted{kind}/{name}"})

    def _store(self, kind: str, name: str, rest: str, body: dict[str, Any]) -> web.Response:
        if (kind, name) in self.deleted:
            return _failed(409, "Conflict", "ObjectIsDeletedButRecoverable")
        if kind == "certificates":
            if rest != "import":
                return _failed(404, "NotFound")
            body["cer"] = _public(base64.b64decode(body.pop("value")))
        elif rest:
            return _failed(404, "NotFound")
        self.put(kind, name, **body)
        return web.json_response(self.latest(kind, name))

    async def _fault(self, request: web.Request) -> web.Response | None:
        for fault in self.faults:
            if fault.times and fault.path in request.path:
                fault.times -= 1
                await asyncio.sleep(fault.delay)
                return web.Response(
                    status=fault.status, headers=fault.headers, body=fault.body, content_type="application/json"
                )
        return None


_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")


def _public(document: bytes) -> str:
    """The certificate of an imported PKCS#12 file, DER or PEM, in Base64 of DER."""
    try:
        found = pkcs12.load_key_and_certificates(document, None)[1]
        assert found is not None
    except ValueError:
        pem = document.startswith(b"-----")
        found = x509.load_pem_x509_certificate(document) if pem else x509.load_der_x509_certificate(document)
    return base64.b64encode(found.public_bytes(Encoding.DER)).decode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refused(status: int, code: str) -> web.Response:
    return web.json_response({"error": code, "error_description": "canary-vendor-text"}, status=status)


def _failed(status: int, code: str, inner: str = "") -> web.Response:
    error: dict[str, Any] = {"code": code, "message": "canary-vendor-text"}
    if inner:
        error["innererror"] = {"code": inner}
    return web.json_response({"error": error}, status=status)


@asynccontextmanager
async def azure() -> AsyncIterator[Azure]:
    """Azure, answering until the block ends; `http` paths of the metadata service are served under the same URL."""
    held = Azure(ca=key_pair()[0])
    app = web.Application(client_max_size=32 << 20)
    app.router.add_post("/{tenant}/oauth2/v2.0/token", held.token)
    app.router.add_get("/metadata/identity/oauth2/token", held.imds)
    app.router.add_route("*", "/{path:.*}", held.vault)
    async with serving(app, _tls()) as held.url:
        yield held


def _tls() -> ssl.SSLContext:
    certificate, key = key_pair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(certificate + key)
        context.load_cert_chain(file)
    return context
