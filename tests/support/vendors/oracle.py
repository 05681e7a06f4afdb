"""Oracle Cloud: signed requests to its vaults, the metadata of a machine, and tokens for machines and workloads."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["COMPARTMENT", "FINGERPRINT", "KEY", "TENANCY", "USER", "VAULT", "Oracle", "pem_of", "user_key"]

TENANCY = "ocid1.tenancy.oc1..canarytenancy"
USER = "ocid1.user.oc1..ann"
FINGERPRINT = "20:3b:97:13:55:1c"
VAULT = "ocid1.vault.oc1.iad.one"
COMPARTMENT = "ocid1.compartment.oc1..one"
KEY = "ocid1.key.oc1.iad.one"

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_HIDDEN = {"code": "NotAuthorizedOrNotFound", "message": "canary authorization failed or requested resource not found"}


@functools.cache
def user_key() -> RSAPrivateKey:
    """The key of the user, the same at every call; also that of the machine."""
    return generate_private_key(65537, 2048)


def pem_of(key: RSAPrivateKey) -> str:
    """A private key as users have it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@functools.cache
def _leaf() -> x509.Certificate:
    now = datetime.now(UTC)
    units = ("opc-certtype:instance", "opc-compartment:one", f"opc-tenant:{TENANCY}")
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(user_key().public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(user_key(), SHA256())
    )


@dataclass
class Oracle(TokenServer):
    """One vault with secrets: dicts with `id`, `versions`, `tags` and `ending`, the newest version last.

    Attributes:
        secrets: by name.
        keys: key id -> public key of who may ask.
        page: secrets of one page.
        now: wall clock.
        old_metadata: the machine has the first version of the metadata service only.
        region: what the metadata service says.
        metadata: part of the metadata -> what it says instead of the truth.
        lifetime: seconds that tokens live; None gives tokens without end.
        workloads: ServiceAccount tokens that are accepted -> who they are of; None: those of ServiceAccounts.
        signed_in: who got a token, in order.
        refusals: status, code and headers of the next answers.
        retry_tokens: of what was created.
        accounts: what ServiceAccount tokens said, in order.
    """

    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    page: int = 100
    now: datetime | None = None
    old_metadata: bool = False
    region: str = "iad"
    metadata: dict[str, bytes] = field(default_factory=dict)
    lifetime: float | None = 1200.0
    workloads: dict[str, str] | None = None
    signed_in: list[str] = field(default_factory=list)
    refusals: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    retry_tokens: dict[str, str] = field(default_factory=dict)
    accounts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys.setdefault(f"{TENANCY}/{USER}/{FINGERPRINT}", user_key().public_key())

    def secret(self, name: str, *versions: bytes, ending: bool = False, **tags: str) -> None:
        """A secret with these versions."""
        identity = f"ocid1.vaultsecret.oc1..{len(self.secrets)}"
        self.secrets[name] = {"id": identity, "versions": list(versions), "tags": tags, "ending": ending}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it; the next refusal comes first."""
        if self.refusals:
            self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
            status, code, headers = self.refusals.pop(0)
            return web.json_response({"code": code, "message": "canary"}, status=status, headers=headers)
        if request.path.startswith("/opc/") and self.fault is None:
            return self._metadata(request)
        if request.path == "/20180608/secrets" and request.method == "GET" and self.fault is None:
            return await self._listed(request)
        return await super().handle(request)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        body = await request.read()
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["v1", "x509"]:
                return self._federate(request, body)
            case "POST", ["resourcePrincipalSessionTokens"]:
                return self._workload(request, body)
            case "POST", ["20190301", "secretbundles", "actions", "getByName"]:
                self._check(request, body)
                return self._bundle(request)
            case "POST", ["20180608", "secrets"]:
                self._check(request, body)
                return self._create(request, json.loads(body))
            case "PUT", ["20180608", "secrets", identity]:
                self._check(request, body)
                self._by_id(identity)["versions"].append(_content(json.loads(body)))
                return 200, {}
            case "POST", ["20180608", "secrets", identity, "actions", "scheduleDeletion"]:
                self._check(request, body)
                self._by_id(identity)["ending"] = True
                return 200, None
            case "GET", ["20180608", "vaults", identity]:
                self._check(request, body)
                if identity != VAULT:
                    raise Refused(404, _HIDDEN)
                return 200, {"id": VAULT, "lifecycleState": "ACTIVE"}
        raise Refused(404, {"code": "NotFound", "message": "canary"})

    def _check(self, request: web.Request, body: bytes, *required: str) -> str:
        """Who signed a request, as Oracle's documentation says how to sign."""
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        signature = dict(_PARAMETER.findall(rest))
        wanted = {*(required or ("date", "(request-target)", "host"))}
        if request.method in ("POST", "PUT"):
            wanted |= {"content-length", "content-type", "x-content-sha256"}
            if request.headers["x-content-sha256"] != base64.b64encode(hashlib.sha256(body).digest()).decode():
                raise Refused(401, _refusal("digest"))
            if request.headers["content-type"] != "application/json":
                raise Refused(400, _refusal("type"))
        covered = signature.get("headers", "").split()
        key = self.keys.get(signature.get("keyId", ""))
        if scheme != "Signature" or set(covered) != wanted or signature["algorithm"] != "rsa-sha256" or key is None:
            raise Refused(401, _refusal(rest))
        apart = parsedate_to_datetime(request.headers["date"]) - (self.now or datetime.now(UTC))
        if abs(apart) > timedelta(minutes=5):
            raise Refused(401, _refusal("clock"))
        values = {
            "(request-target)": f"{request.method.lower()} {request.rel_url.raw_path_qs}",
            "host": request.headers.get("X-Forwarded-Host", request.headers["host"]),
        }
        text = "\n".join(f"{name}: {values.get(name) or request.headers[name]}" for name in covered)
        try:
            key.verify(base64.b64decode(signature["signature"]), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            raise Refused(401, _refusal(rest)) from None
        return signature["keyId"]

    def _bundle(self, request: web.Request) -> tuple[int, Any]:
        query = request.query
        found = self.secrets.get(query["secretName"])
        if found is None or query["vaultId"] != VAULT:
            raise Refused(404, _HIDDEN)
        at = {"CURRENT": -1, "LATEST": -1, "PREVIOUS": -2}.get(query.get("stage", "CURRENT"))
        if at is None or len(found["versions"]) < -at:
            raise Refused(404, _HIDDEN)
        content = {"contentType": "BASE64", "content": base64.b64encode(found["versions"][at]).decode()}
        answer = {"secretId": found["id"], "versionNumber": 1, "secretBundleContent": content, "metadata": None}
        return 200, {**answer, **({"timeOfDeletion": "2030-01-01T00:00:00Z"} if found["ending"] else {})}

    async def _listed(self, request: web.Request) -> web.Response:
        self.seen.append(f"GET {request.rel_url.raw_path_qs}")
        try:
            self._check(request, b"")
            if request.query["compartmentId"] != COMPARTMENT or request.query["vaultId"] != VAULT:
                raise Refused(404, _HIDDEN)
        except Refused as refused:
            return web.json_response(refused.body, status=refused.status)
        start = int(request.query.get("page", "0"))
        end = start + self.page
        items = [
            {
                "id": secret["id"],
                "secretName": name,
                "freeformTags": secret["tags"] or None,
                "timeOfDeletion": "2030-01-01T00:00:00Z" if secret["ending"] else None,
            }
            for name, secret in list(self.secrets.items())[start:end]
        ]
        headers = {"opc-next-page": str(end)} if end < len(self.secrets) else {}
        return web.json_response(items, headers=headers)

    def _create(self, request: web.Request, document: dict[str, Any]) -> tuple[int, Any]:
        once = request.headers["opc-retry-token"]
        name = document["secretName"]
        if (document["compartmentId"], document["vaultId"], document["keyId"]) != (COMPARTMENT, VAULT, KEY):
            raise Refused(404, _HIDDEN)
        if name in self.secrets and self.retry_tokens.get(once) != name:
            raise Refused(409, {"code": "NotAuthorizedOrResourceAlreadyExists", "message": "canary"})
        self.retry_tokens[once] = name
        self.secret(name, _content(document))
        return 200, {"id": self.secrets[name]["id"]}

    def _by_id(self, identity: str) -> dict[str, Any]:
        for secret in self.secrets.values():
            if secret["id"] == identity:
                return secret
        raise Refused(404, _HIDDEN)

    def _metadata(self, request: web.Request) -> web.Response:
        self.seen.append(f"GET {request.rel_url.raw_path_qs}")
        if request.headers.get("Authorization") != "Bearer Oracle":
            return web.Response(status=401)
        version, _, part = request.path.removeprefix("/opc/").partition("/")
        leaf = _leaf().public_bytes(Encoding.PEM)
        texts = {
            "instance/region": self.region.encode(),
            "identity/cert.pem": leaf,
            "identity/key.pem": pem_of(user_key()).encode(),
            "identity/intermediate.pem": leaf,
            **self.metadata,
        }
        if part not in texts or (self.old_metadata and version != "v1"):
            return web.Response(status=404, text="canary")
        return web.Response(body=texts[part])

    def _federate(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        leaf = _leaf()
        identity = f"{TENANCY}/fed-x509-sha256/{leaf.fingerprint(SHA256()).hex(':')}"
        self.keys[identity] = user_key().public_key()
        try:
            if self._check(request, body, "date", "(request-target)") != identity:
                raise Refused(401, _refusal(identity))
        finally:
            del self.keys[identity]
        document = json.loads(body)
        if base64.b64decode(document["certificate"], validate=True) != leaf.public_bytes(Encoding.DER):
            raise Refused(401, _refusal("certificate"))
        if document["fingerprintAlgorithm"] != "SHA256" or len(document["intermediateCertificates"]) != 1:
            raise Refused(400, _refusal("details"))
        key = load_der_public_key(base64.b64decode(document["publicKey"], validate=True))
        return 200, {"token": self._token("machine", key)}

    def _workload(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.workloads is not None:
            who = self.workloads.get(shown, "")
        else:
            self.accounts.append(json.loads(base64.urlsafe_b64decode(shown.split(".")[1] + "==")))
            who = str(self.accounts[-1].get("sub"))
        if not who:
            raise Refused(403, {"message": f"canary {shown}"})
        token = self._token(who, load_pem_public_key(json.loads(body)["podKey"].encode()))
        return 200, base64.b64encode(json.dumps({"token": f"ST${token}"}).encode()).decode()

    def _token(self, who: str, key: Any) -> str:
        issued = int((self.now or datetime.now(UTC)).timestamp())
        claims: dict[str, Any] = {"sub": who, "iat": issued, "n": len(self.signed_in)}
        if self.lifetime is not None:
            claims["exp"] = issued + self.lifetime
        self.signed_in.append(who)
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        token = f"canary-header.{payload}.canary-signature"
        self.keys[f"ST${token}"] = key
        return token

    def expire(self) -> None:
        """End every token."""
        for identity in [each for each in self.keys if each.startswith("ST$")]:
            del self.keys[identity]


def _refusal(text: str) -> dict[str, str]:
    return {"code": "NotAuthenticated", "message": f"canary {text}"}


def _content(document: dict[str, Any]) -> bytes:
    content = document["secretContent"]
    if content["contentType"] != "BASE64":
        raise Refused(400, {"code": "InvalidParameter", "message": "canary"})
    return base64.b64decode(content["content"], validate=True)
