"""AWS on loopback: moto behind a proxy that checks signatures as AWS does, keeps a record, and fails on demand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from moto.server import ThreadedMotoServer

from tests.support.loopback import serving

__all__ = ["ACCESS_KEY", "SECRET_KEY", "Amazon", "Fault", "Seen", "amazon", "moto_server"]

ACCESS_KEY = "AKIAEXAMPLE"
SECRET_KEY = "canary-secret-access-key"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)"
)
_ISSUED = re.compile(
    r"<AccessKeyId>(.*?)</AccessKeyId>\s*<SecretAccessKey>(.*?)</SecretAccessKey>\s*<SessionToken>(.*?)</SessionToken>",
    re.DOTALL,
)
_ANONYMOUS = ("AssumeRoleWithWebIdentity",)


@dataclass
class Fault:
    """An answer in place of the service's.

    Attributes:
        operation: of which request, for example `GetSecretValue`.
        code: error code.
        message: error text.
        status: HTTP status.
        times: how often; -1 for ever.
        headers: of the answer.
        body: the whole answer in place of an error.
        delay: seconds before the answer.
        contains: only requests whose body holds this text.
    """

    operation: str
    code: str = ""
    message: str = ""
    status: int = 400
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    contains: str = ""


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    operation: str
    access_key: str
    region: str
    body: dict[str, Any]


class Amazon:
    """The proxy."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream = upstream
        self._session = session
        self.url = ""
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.keys: dict[str, tuple[str, str | None]] = {ACCESS_KEY: (SECRET_KEY, None)}
        self.expired: set[str] = set()

    def operations(self) -> list[str]:
        """Names of the operations that were asked for, without those of sign-in."""
        return [seen.operation for seen in self.requests if not seen.operation.startswith("AssumeRole")]

    def of(self, operation: str) -> list[Seen]:
        return [seen for seen in self.requests if seen.operation == operation]

    def fail(self, operation: str, code: str = "", **details: Any) -> Fault:
        fault = Fault(operation, code, **details)
        self.faults.append(fault)
        return fault

    async def direct(self, target: str, **body: Any) -> dict[str, Any]:
        """A request to the service itself, as somebody else would make it."""
        scope = {"secretsmanager": "secretsmanager", "AmazonSSM": "ssm", "CertificateManager": "acm"}[
            target.split(".")[0]
        ]
        headers = {
            "X-Amz-Target": target,
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=other/20300101/eu-central-1/{scope}/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        async with self._session.post(self._upstream, data=json.dumps(body), headers=headers) as response:
            text = await response.text()
            assert response.status == 200, text
            answer: dict[str, Any] = json.loads(text) if text else {}
            return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        operation, body = _parsed(request, content)
        signed = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        region = signed[3] if signed else ""
        self.requests.append(Seen(operation, signed[1] if signed else "", region, body))
        xml = "X-Amz-Target" not in request.headers
        refused = None if operation in _ANONYMOUS else self._refusal(request, content, signed)
        if refused is not None:
            return _error(refused, "refused Credential=" + ACCESS_KEY, 403, xml)
        fault = self._fault(operation, content)
        if fault is not None:
            await asyncio.sleep(fault.delay)
            if fault.body is not None:
                return web.Response(body=fault.body, status=fault.status, headers=fault.headers)
            if fault.code:
                answer = _error(fault.code, fault.message, fault.status, xml)
                answer.headers.update(fault.headers)
                return answer
        headers = {name: value for name, value in request.headers.items() if not name.lower().endswith("host")}
        async with self._session.post(f"{self._upstream}{request.path_qs}", data=content, headers=headers) as response:
            answered = await response.read()
            if xml:
                for key, secret, token in _ISSUED.findall(answered.decode()):
                    self.keys[key] = (secret, token)
            return web.Response(
                body=answered, status=response.status, headers={"Content-Type": response.headers["Content-Type"]}
            )

    def _fault(self, operation: str, content: bytes) -> Fault | None:
        for fault in self.faults:
            if fault.operation == operation and fault.times != 0 and fault.contains.encode() in content:
                fault.times -= 1
                return fault
        return None

    def _refusal(self, request: web.Request, content: bytes, signed: re.Match[str] | None) -> str | None:
        if signed is None:
            return "MissingAuthenticationTokenException"
        known = self.keys.get(signed[1])
        if known is None or known[1] != request.headers.get("X-Amz-Security-Token"):
            return "UnrecognizedClientException"
        if signed[1] in self.expired:
            return "ExpiredTokenException"
        return None if _signature(request, content, signed, known[0]) == signed[6] else "InvalidSignatureException"


def _parsed(request: web.Request, content: bytes) -> tuple[str, dict[str, Any]]:
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return target.rpartition(".")[2], json.loads(content or b"{}")
    form = dict(urllib.parse.parse_qsl(content.decode()))
    return form.get("Action", ""), form


def _signature(request: web.Request, content: bytes, signed: re.Match[str], secret: str) -> str:
    """Signature Version 4. Source: AWS, Create a signed request."""
    _, day, region, service, names, _ = signed.groups()
    sent = {**request.headers, "host": request.headers.get("X-Forwarded-Host", request.host)}
    found = {name.lower(): value for name, value in sent.items()}
    lines = "".join(f"{name}:{found[name].strip()}\n" for name in names.split(";"))
    canonical = "\n".join(("POST", "/", "", lines, names, hashlib.sha256(content).hexdigest()))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{request.headers['X-Amz-Date']}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _error(code: str, message: str, status: int, xml: bool) -> web.Response:
    if xml:
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return web.Response(text=text, status=status, content_type="text/xml")
    return web.json_response({"__type": code, "message": message}, status=status)


@contextmanager
def moto_server() -> Iterator[str]:
    """moto on a port of its own, in a thread of its own."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}/".format(*server.get_host_and_port())
    finally:
        server.stop()


@asynccontextmanager
async def amazon(moto: str) -> AsyncIterator[Amazon]:
    """The proxy in front of an empty moto."""
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        async with session.post(f"{moto}moto-api/reset") as response:
            assert response.status == 200
        proxy = Amazon(moto.rstrip("/"), session)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/{path:.*}", proxy.handle)
        async with serving(app) as proxy.url:
            yield proxy
