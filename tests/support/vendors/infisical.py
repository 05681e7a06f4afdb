"""Infisical: machine identities that sign in by ten methods, and the raw secrets of one project; and the clouds they come from."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.vendors.google import Google
from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["AWS_SECRET", "POD_TOKEN", "Clouds", "Infisical", "rsa_key"]

POD_TOKEN = "canaryhead.canarypayload.canarysignature"
AWS_SECRET = "canary-aws-secret"
_ROBOT = "robot@p.iam.gserviceaccount.com"


@functools.cache
def rsa_key() -> RSAPrivateKey:
    """One key for all tests: making one takes a while."""
    return generate_private_key(65537, 2048)


@dataclass
class Clouds(Google):
    """The metadata services of Azure, Google and EC2, and Google's IAM Credentials."""

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.path == "/metadata/identity/oauth2/token":
            if request.headers.get("Metadata") != "true" or request.query["api-version"] != "2018-02-01":
                raise Refused(400)
            return 200, {"access_token": f"canary-azure-{request.query['resource']}"}
        if request.path == "/computeMetadata/v1/instance/service-accounts/default/identity":
            if request.headers.get("Metadata-Flavor") != "Google" or request.query["format"] != "full":
                raise Refused(403)
            return 200, f"canary-google-{request.query['audience']}"
        if request.path == f"/v1/projects/-/serviceAccounts/{_ROBOT}:signJwt":
            if request.headers.get("Authorization") != f"Bearer canary-{_ROBOT}":
                raise Refused(401)
            payload = json.loads((await request.json())["payload"])
            return 200, {"signedJwt": jwt.encode(payload, self.key, algorithm="RS256")}
        if request.path == "/latest/dynamic/instance-identity/document":
            if request.headers.get("X-aws-ec2-metadata-token") != "canary-imds":
                raise Refused(401)
            return 200, {"region": "eu-central-1"}
        return await super().answer(request)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """As Google's; EC2 hands out its session token as plain text."""
        if request.path == "/latest/api/token" and request.method == "PUT":
            self.seen.append("PUT /latest/api/token")
            return web.Response(text="canary-imds")
        return await super().handle(request)


@dataclass
class Infisical(TokenServer):
    """Project `app` in environment `prod`; whoever signs in is the identity `identity`.

    Attributes:
        secrets: folder -> name -> value.
        imports: folder -> where its imports come from -> name -> value.
        valid: access tokens that are accepted.
        lifetime: seconds of a new token; None tells none.
        logins: method and body of each sign-in.
        revoked: tokens that were revoked.
        project: id of the project.
        workspaces: whether the server knows projects only as workspaces.
        expired: how a token is refused: status and code.
        drops: connections that are cut before an answer.
        cut: method whose requests never get one.
    """

    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    imports: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    valid: set[str] = field(default_factory=lambda: {"canary-static"})
    lifetime: float | None = 3600.0
    logins: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    project: str = "project-1"
    workspaces: bool = False
    expired: tuple[int, str] = (401, "Unauthorized")
    drops: int = 0
    cut: str = ""
    google: Clouds | None = None
    oracle: RSAPrivateKey = field(default_factory=rsa_key)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    secret: str = "canary-secret"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        if self.drops > 0 or request.method == self.cut:
            self.drops -= 1
            self.seen.append(f"DROPPED {request.method}")
            assert request.transport is not None
            request.transport.abort()
        return await super().handle(request)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        path = request.path.removeprefix("/api")
        sent = json.loads(await request.text() or "{}")
        if path.startswith("/v1/auth/"):
            return self._auth(path.removeprefix("/v1/auth/"), sent)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.valid:
            status, code = self.expired
            raise Refused(status, {"statusCode": status, "error": code, "message": f"canary {token}"})
        slug = re.fullmatch(r"/v1/(projects|workspace)/slug/([^/]+)", path)
        if slug is not None:
            if slug[2] != "app" or (slug[1] == "projects" and self.workspaces):
                raise self._missing()
            return 200, {"id": self.project, "slug": "app"}
        if path == "/v3/secrets/raw":
            return 200, self._list(request)
        if path.startswith("/v3/secrets/raw/"):
            return self._one(request, path.removeprefix("/v3/secrets/raw/"), sent)
        raise self._missing()

    @staticmethod
    def _missing() -> Refused:
        return Refused(404, {"statusCode": 404, "error": "NotFound", "message": "canary not found"})

    def _list(self, request: web.Request) -> dict[str, Any]:
        query = request.query
        if (query["workspaceSlug"], query["environment"]) != ("app", "prod"):
            raise self._missing()
        folder, expand = query["secretPath"], query["expandSecretReferences"] == "true"
        recursive = query["recursive"] == "true"
        below = folder.rstrip("/") + "/"
        found = [
            {"secretKey": name, "secretValue": self._shown(path, text, expand), "secretPath": path, "version": 1}
            for path, names in self.secrets.items()
            if path == folder or (recursive and path.startswith(below))
            for name, text in names.items()
        ]
        imports = [
            {
                "secretPath": source,
                "secrets": [{"secretKey": name, "secretValue": text} for name, text in names.items()],
            }
            for source, names in self.imports.get(folder, {}).items()
        ]
        return {"secrets": found, "imports": imports if query["include_imports"] == "true" else []}

    def _one(self, request: web.Request, name: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if request.method == "GET":
            return 200, {"secret": {"secretKey": name, "secretValue": self._read(request, name)}}
        self.bodies.append(sent)
        if sent["workspaceId"] != self.project or sent["environment"] != "prod":
            raise self._missing()
        folder = self.secrets.get(sent["secretPath"])
        if folder is None:
            raise self._missing()
        if request.method == "POST":
            if name in folder:
                raise Refused(400, {"message": "canary already exists"})
            folder[name] = sent["secretValue"]
            return 200, {"secret": {"secretKey": name}}
        if name not in folder:
            raise self._missing()
        if request.method == "PATCH":
            folder[name] = sent.get("secretValue", folder[name])
        else:
            del folder[name]
        return 200, {"secret": {"secretKey": name}}

    def _read(self, request: web.Request, name: str) -> str:
        query = request.query
        if (query["workspaceSlug"], query["environment"], query["type"]) != ("app", "prod", "shared"):
            raise self._missing()
        path = query["secretPath"]
        found = self.secrets.get(path, {}).get(name)
        if found is None and query["include_imports"] == "true":
            found = next((names[name] for names in self.imports.get(path, {}).values() if name in names), None)
        if found is None:
            raise self._missing()
        return self._shown(path, found, query["expandSecretReferences"] == "true")

    def _shown(self, path: str, text: str, expand: bool) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: self.secrets[path][found[1]], text) if expand else text

    def _auth(self, path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if path == "token/revoke":
            self.revoked.append(sent["accessToken"])
            self.valid.discard(sent["accessToken"])
            return 200, {"message": "revoked"}
        method = path.removesuffix("/login")
        checks: dict[str, Callable[[dict[str, Any]], bool]] = {
            "universal-auth": lambda body: (body["clientId"], body["clientSecret"]) == ("client", self.secret),
            "azure-auth": lambda body: body["jwt"].startswith("canary-azure-https://"),
            "gcp-auth": self._is_google,
            "jwt-auth": lambda body: body["jwt"] == "canary-jwt",
            "ldap-auth": lambda body: (body["username"], body["password"]) == ("ann", "canary-ldap"),
            "oci-auth": self._is_oracle,
            "kubernetes-auth": lambda body: body["jwt"] == POD_TOKEN,
            "aws-auth": _is_aws,
        }
        if method not in checks:
            raise self._missing()
        if (method != "universal-auth" and sent["identityId"] != "identity") or not checks[method](sent):
            raise Refused(401, {"message": f"canary refused {sent}"})
        self.logins.append((method, sent))
        token = f"canary-access-{len(self.logins)}"
        self.valid.add(token)
        lives = {} if self.lifetime is None else {"expiresIn": self.lifetime}
        return 200, {"accessToken": token, "tokenType": "Bearer", **lives}

    def _is_google(self, sent: dict[str, Any]) -> bool:
        if sent["jwt"] == "canary-google-identity":
            return True
        assert self.google is not None
        claims = jwt.decode(sent["jwt"], self.google.key.public_key(), algorithms=["RS256"], audience="identity")
        return bool(claims == {"sub": _ROBOT, "aud": "identity"})

    def _is_oracle(self, sent: dict[str, Any]) -> bool:
        headers = sent["headers"]
        stated = dict(re.findall(r'(\w+)="([^"]*)"', headers["authorization"].removeprefix("Signature ")))
        if stated["keyId"] != "ocid1.tenancy/ocid1.user/aa:bb" or stated["algorithm"] != "rsa-sha256":
            return False
        if headers["host"] != "identity.eu-frankfurt-1.oraclecloud.com" or sent["userOcid"] != "ocid1.user":
            return False
        values = {**headers, "(request-target)": f"get /20160918/users/{sent['userOcid']}"}
        text = "\n".join(f"{name}: {values[name]}" for name in stated["headers"].split())
        try:
            self.oracle.public_key().verify(base64.b64decode(stated["signature"]), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return {"(request-target)", "host", "date"} <= set(stated["headers"].split())


def _is_aws(sent: dict[str, Any]) -> bool:
    """Whether the signature is that of the known key. Source: AWS Signature Version 4."""
    body = base64.b64decode(sent["iamRequestBody"])
    headers = {name.lower(): text for name, text in json.loads(base64.b64decode(sent["iamRequestHeaders"])).items()}
    stated = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIA/(\d{8})/([a-z0-9-]+)/sts/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)",
        headers["authorization"],
    )
    if stated is None or body != b"Action=GetCallerIdentity&Version=2011-06-15":
        return False
    day, region, signed, signature = stated.groups()
    if headers["host"] != f"sts.{region}.amazonaws.com" or sent["iamHttpRequestMethod"] != "POST":
        return False
    lines = "".join(f"{name}:{headers[name]}\n" for name in signed.split(";"))
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{AWS_SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
