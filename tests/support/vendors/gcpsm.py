"""Secret Manager on loopback: a gRPC server on the official stubs, and Google's sign-in endpoints, with faults on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud.secretmanager_v1 import types as sm
from google.protobuf import empty_pb2
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tests.support.loopback import serving

__all__ = ["EMAIL", "PROJECT", "Fault", "GoogleCloud", "google_cloud", "service_account_key"]

PROJECT = "demo"
EMAIL = "robot@demo.iam.gserviceaccount.com"
_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
_PAGE = 2
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_KEY = rsa.generate_private_key(65537, 2048)
"""Of the service account; made once, as that takes longer than the tests."""

_METHODS: dict[str, tuple[Any, Any]] = {
    "AccessSecretVersion": (sm.AccessSecretVersionRequest, sm.AccessSecretVersionResponse),
    "GetSecret": (sm.GetSecretRequest, sm.Secret),
    "ListSecrets": (sm.ListSecretsRequest, sm.ListSecretsResponse),
    "ListSecretVersions": (sm.ListSecretVersionsRequest, sm.ListSecretVersionsResponse),
    "CreateSecret": (sm.CreateSecretRequest, sm.Secret),
    "UpdateSecret": (sm.UpdateSecretRequest, sm.Secret),
    "AddSecretVersion": (sm.AddSecretVersionRequest, sm.SecretVersion),
    "DeleteSecret": (sm.DeleteSecretRequest, None),
}


def service_account_key(**changes: Any) -> str:
    """The JSON key of the service account that may sign in."""
    pem = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    info = {"type": "service_account", "client_email": EMAIL, "private_key": pem, "private_key_id": "k1", **changes}
    return json.dumps(info)


@dataclass
class Fault:
    """An error in place of the answer of a method, or bytes that are no message; or a delay before it.

    Attributes:
        wait: seconds that the error asks to wait.
    """

    method: str
    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    times: int = 1
    delay: float = 0.0
    wait: float | None = None
    content: bytes | None = None


@dataclass
class GoogleCloud:
    """What is stored, who signed in, and what was asked."""

    target: str = ""
    url: str = ""
    secrets: dict[str, sm.Secret] = field(default_factory=dict)
    payloads: dict[str, list[tuple[sm.SecretVersion, bytes]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=lambda: {EMAIL})
    """Accounts whose keys are valid."""
    owners: dict[str, str] = field(default_factory=dict)
    """Token -> account it was issued to, by its key."""
    callers: list[str] = field(default_factory=list)
    """Accounts of the requests in `seen`."""
    exchanges: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    refuse_sign_in: int = 0
    machine_status: int = 0
    lifetime: int = 3600
    hosts: list[str] = field(default_factory=list)

    def put(self, name: str, *payloads: bytes, parent: str = f"projects/{PROJECT}", **more: Any) -> sm.Secret:
        """Store a secret with versions, as somebody else would."""
        full = f"{parent}/secrets/{name}"
        self.secrets[full] = sm.Secret(name=full, etag=f'"{name}-1"', **more)
        self.payloads[full] = []
        for payload in payloads:
            self._add(full, payload)
        return self.secrets[full]

    def set_state(self, name: str, number: int, state: str) -> None:
        """Disable or destroy a version."""
        version = self.payloads[f"projects/{PROJECT}/secrets/{name}"][number - 1][0]
        version.state = getattr(sm.SecretVersion.State, state)

    def versions(self, name: str, parent: str = f"projects/{PROJECT}") -> list[bytes]:
        """Payloads of a secret, oldest first."""
        return [payload for _, payload in self.payloads[f"{parent}/secrets/{name}"]]

    def asked(self, method: str) -> list[Any]:
        """Requests of a method."""
        return [request for name, request in self.seen if name == method]

    def _add(self, full: str, payload: bytes) -> sm.SecretVersion:
        held = self.payloads[full]
        version = sm.SecretVersion(
            name=f"{full}/versions/{len(held) + 1}",
            state=sm.SecretVersion.State.ENABLED,
            create_time=_BEGAN + timedelta(seconds=len(held)),
        )
        held.append((version, payload))
        return version

    # --- methods of the service

    async def answer(self, method: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        sent = dict(context.invocation_metadata() or ())
        token = str(sent.get("authorization", "")).removeprefix("Bearer ")
        if token not in self.tokens:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "canary-vendor-text")
        self.seen.append((method, request))
        self.callers.append(self.owners.get(token, ""))
        for fault in self.faults:
            if fault.times and fault.method in (method, "*"):
                fault.times -= 1
                await asyncio.sleep(fault.delay)
                if fault.content is not None:
                    return fault.content
                if not fault.delay:
                    await context.abort(fault.code, "canary-vendor-text", _details(fault))
        try:
            return getattr(self, f"_{method}")(request)
        except KeyError:
            await context.abort(grpc.StatusCode.NOT_FOUND, "canary-vendor-text")
        except _Refused as err:
            await context.abort(err.code, "canary-vendor-text in state DISABLED")

    def _AccessSecretVersion(self, request: Any) -> Any:
        full, _, wanted = request.name.rpartition("/versions/")
        held = self.payloads[full]
        aliases = {"latest": len(held), **self.secrets[full].version_aliases}
        index = aliases[wanted] if wanted in aliases else int(wanted)
        if not 0 < index <= len(held):
            raise KeyError(wanted)
        version, payload = held[index - 1]
        if version.state != sm.SecretVersion.State.ENABLED:
            raise _Refused(grpc.StatusCode.FAILED_PRECONDITION)
        return sm.AccessSecretVersionResponse(name=version.name, payload=sm.SecretPayload(data=payload))

    def _GetSecret(self, request: Any) -> Any:
        return self.secrets[request.name]

    def _ListSecrets(self, request: Any) -> Any:
        found = [
            secret
            for name, secret in sorted(self.secrets.items())
            if name.rpartition("/secrets/")[0] == request.parent and _passes(secret, request.filter)
        ]
        start = int(request.page_token or 0)
        more = str(start + _PAGE) if start + _PAGE < len(found) else ""
        return sm.ListSecretsResponse(secrets=found[start : start + _PAGE], next_page_token=more)

    def _ListSecretVersions(self, request: Any) -> Any:
        if request.filter != "state:ENABLED":
            raise _Refused(grpc.StatusCode.INVALID_ARGUMENT)
        versions = [version for version, _ in self.payloads[request.parent] if version.state == 1]
        return sm.ListSecretVersionsResponse(versions=versions)

    def _CreateSecret(self, request: Any) -> Any:
        full = f"{request.parent}/secrets/{request.secret_id}"
        if full in self.secrets:
            raise _Refused(grpc.StatusCode.ALREADY_EXISTS)
        regional = "/locations/" in request.parent
        if regional == ("replication" in request.secret):
            raise _Refused(grpc.StatusCode.INVALID_ARGUMENT)
        secret = sm.Secret(request.secret)
        secret.name, secret.etag = full, '"1"'
        self.secrets[full], self.payloads[full] = secret, []
        return secret

    def _UpdateSecret(self, request: Any) -> Any:
        secret = self.secrets[request.secret.name]
        if request.secret.etag and request.secret.etag != secret.etag:
            raise _Refused(grpc.StatusCode.FAILED_PRECONDITION)
        for name in request.update_mask.paths:
            setattr(secret, name, dict(getattr(request.secret, name)))
        secret.etag = f"{secret.etag[:-1]}x{secret.etag[-1]}"
        return secret

    def _AddSecretVersion(self, request: Any) -> Any:
        return self._add(request.parent, request.payload.data)

    def _DeleteSecret(self, request: Any) -> Any:
        if request.etag != self.secrets[request.name].etag:
            raise _Refused(grpc.StatusCode.FAILED_PRECONDITION)
        del self.secrets[request.name], self.payloads[request.name]
        return empty_pb2.Empty()

    # --- sign-in

    def issued(self) -> str:
        """A token that is good from now on."""
        token = f"canary-token-{len(self.exchanges)}-{len(self.tokens)}"
        self.tokens.add(token)
        return token

    async def sign_in(self, request: web.Request) -> web.Response:
        """OAuth, STS, GKE's binding tokens and IAM Credentials."""
        if request.content_type == "application/json":
            sent: dict[str, Any] = await request.json()
        else:
            sent = dict(await request.post())
        self.exchanges.append((request.path, {**sent, "Authorization": request.headers.get("Authorization", "")}))
        if self.refuse_sign_in:
            return web.json_response({"error": "canary-vendor-text"}, status=self.refuse_sign_in)
        if request.path.endswith(":generateAccessToken"):
            if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                return web.json_response({}, status=401)
            ends = (datetime.now(UTC) + timedelta(seconds=self.lifetime)).isoformat()
            return web.json_response({"accessToken": self.issued(), "expireTime": ends})
        email = self._signer(sent) if request.path == "/token" else ""
        if email is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if request.path != "/token" and sent.get("grant_type") != _EXCHANGE:
            return web.json_response({"error": "invalid_request"}, status=400)
        token = self.issued()
        self.owners[token] = email
        return web.json_response({"access_token": token, "expires_in": self.lifetime})

    def _signer(self, sent: dict[str, Any]) -> str | None:
        """The account that signed, empty for a user; None when nobody whose key is valid did."""
        if sent.get("grant_type") == "refresh_token":
            return "" if sent["refresh_token"] == "canary-refresh" else None
        try:
            claims = jwt.decode(
                sent["assertion"],
                _KEY.public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                options={"verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        valid = claims["iss"] in self.emails and claims["scope"].endswith("/cloud-platform")
        return str(claims["iss"]) if valid else None

    async def machine(self, request: web.Request) -> web.Response:
        """The metadata server."""
        path = request.match_info["path"]
        if self.machine_status:
            return web.Response(status=self.machine_status)
        if request.headers.get("Metadata-Flavor") != "Google" or (
            path not in self.metadata and not path.endswith("/token")
        ):
            return web.Response(status=404)
        if path.endswith("/token"):
            return web.json_response({"access_token": self.issued(), "expires_in": self.lifetime})
        return web.Response(text=self.metadata[path])


def _details(fault: Fault) -> tuple[tuple[str, bytes], ...]:
    if fault.wait is None:
        return ()
    status, info = Status(code=fault.code.value[0], message="canary-vendor-text"), RetryInfo()
    info.retry_delay.FromMilliseconds(int(fault.wait * 1000))
    status.details.add().Pack(DebugInfo(detail="canary-vendor-text"))
    status.details.add().Pack(info)
    return (("grpc-status-details-bin", status.SerializeToString()),)


class _Refused(Exception):
    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self.code = code


def _passes(secret: Any, filter_: str) -> bool:
    for term in filter_.split():
        if term.startswith("labels."):
            key, _, value = term.removeprefix("labels.").partition("=")
            if secret.labels.get(key) != value:
                return False
        elif term.removeprefix("name:") not in secret.name:
            return False
    return True


def _handlers(cloud: GoogleCloud) -> grpc.GenericRpcHandler:
    def handler(method: str, takes: Any, gives: Any) -> Any:
        async def behave(request: Any, context: Any) -> Any:
            return await cloud.answer(method, request, context)

        plain = gives.serialize if gives is not None else empty_pb2.Empty.SerializeToString

        def written(answer: Any) -> bytes:
            return answer if isinstance(answer, bytes) else plain(answer)

        return grpc.unary_unary_rpc_method_handler(behave, takes.deserialize, written)

    return grpc.method_handlers_generic_handler(
        _SERVICE, {name: handler(name, takes, gives) for name, (takes, gives) in _METHODS.items()}
    )


@asynccontextmanager
async def google_cloud(pair: tuple[bytes, bytes] | None = None) -> AsyncIterator[GoogleCloud]:
    """Google, answering until the block ends.

    Args:
        pair: certificate and key of Secret Manager; None for no TLS.
    """
    cloud = GoogleCloud()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_handlers(cloud),))
    if pair is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pair[1], pair[0])]))
    app = web.Application()
    app.router.add_get("/computeMetadata/v1/{path:.*}", cloud.machine)
    app.router.add_post("/{path:.*}", cloud.sign_in)
    async with serving(app) as cloud.url:
        await server.start()
        cloud.target = f"127.0.0.1:{port}"
        try:
            yield cloud
        finally:
            await server.stop(None)
