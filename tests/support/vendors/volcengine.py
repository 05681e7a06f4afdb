"""Volcengine: secrets of its key management service, and temporary keys for roles."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["ACCESS_KEY", "ROLE", "SECRET_KEY", "TOKEN", "Volcengine"]

ACCESS_KEY = "AKLTcanary"
SECRET_KEY = "canary-secret-key=="
TOKEN = "canary-pod-token"
ROLE = "trn:iam::2000000001:role/eso"

_AUTHORIZATION = re.compile(r"HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})")


@dataclass
class Volcengine(TokenServer):
    """One account in one region.

    Attributes:
        secrets: name -> version id -> text, the current version last; a text that is None is missing from answers.
        keys: access key -> secret key and session token, of who may ask.
        region: of the service.
        now: wall clock.
        refusals: status, code and headers of the next answers.
        assumed: forms that got temporary keys, in order.
    """

    secrets: dict[str, dict[str, str | None]] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=lambda: {ACCESS_KEY: (SECRET_KEY, "")})
    region: str = "cn-beijing"
    now: datetime | None = None
    refusals: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    assumed: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it; the next refusal comes first."""
        if self.refusals:
            self.seen.append(f"{request.method} {request.rel_url.raw_path_qs}")
            status, code, headers = self.refusals.pop(0)
            return web.json_response(_error(code), status=status, headers=headers)
        return await super().handle(request)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        """Status and JSON body."""
        body = await request.read()
        match request.method, request.path, request.query.get("Action"), request.query.get("Version"):
            case "POST", "/", "AssumeRoleWithOIDC", "2018-01-01":
                return self._assume(request, body)
            case "POST", "/", "GetSecretValue", "2021-02-18":
                self._check(request, body)
                return self._value(json.loads(body))
            case "POST", "/", "DescribeSecret", "2021-02-18":
                self._check(request, body)
                name = json.loads(body)["SecretName"]
                if name not in self.secrets:
                    raise Refused(404, _error("canary-not-found"))
                return 200, _result({"SecretName": name})
        raise Refused(404, _error("InvalidActionOrVersion"))

    def expire(self) -> None:
        """End every temporary key."""
        self.keys = {name: pair for name, pair in self.keys.items() if not pair[1]}

    def _check(self, request: web.Request, body: bytes) -> None:
        match = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if match is None:
            raise Refused(401, _error("MissingSignature"))
        credential, names, signature = match.groups()
        access, _, scope = credential.partition("/")
        secret, token = self.keys.get(access, ("", ""))
        date = request.headers["X-Date"]
        if not secret or request.headers.get("X-Security-Token", "") != token:
            raise Refused(401, _error("InvalidAccessKey"))
        if scope != f"{date[:8]}/{self.region}/kms/request":
            raise Refused(401, _error("SignatureDoesNotMatch"))
        apart = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - (self.now or datetime.now(UTC))
        if abs(apart) > timedelta(minutes=15):
            raise Refused(400, _error("InvalidTimestamp"))
        signed = names.split(";")
        needed = {"host", "x-date", "x-content-sha256", *(["x-security-token"] if token else [])}
        digest = hashlib.sha256(body).hexdigest()
        if signed != sorted(signed) or not needed <= set(signed) or request.headers["X-Content-Sha256"] != digest:
            raise Refused(401, _error("SignatureDoesNotMatch"))
        values = {"host": request.headers.get("X-Forwarded-Host", request.headers["Host"])}
        lines = "".join(f"{name}:{values.get(name) or request.headers[name]}\n" for name in signed)
        canonical = f"POST\n/\n{request.rel_url.raw_query_string}\n{lines}\n{names}\n{digest}"
        text = f"HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = secret.encode()
        for part in (date[:8], self.region, "kms", "request", text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if key.hex() != signature:
            raise Refused(401, _error("SignatureDoesNotMatch"))

    def _value(self, asked: dict[str, str]) -> tuple[int, Any]:
        versions = self.secrets.get(asked["SecretName"])
        if versions is None or asked.get("VersionID", next(iter(versions))) not in versions:
            raise Refused(404, _error("canary-not-found"))
        version = asked.get("VersionID") or list(versions)[-1]
        result: dict[str, Any] = {"CreationDate": 1, "VersionID": version, "VersionStage": "Current"}
        if versions[version] is not None:
            result["SecretValue"] = versions[version]
        return 200, _result(result)

    def _assume(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if request.content_type != "application/x-www-form-urlencoded" or form.get("RoleTrn") != ROLE:
            raise Refused(400, _error("MissingParameter"))
        if form["OIDCToken"] != TOKEN:
            # As the service answers some refusals: by a code alone.
            return 200, _error("AccessDenied")
        self.assumed.append(form)
        access = f"AKTPcanary{len(self.assumed)}"
        self.keys[access] = ("canary-temporary", f"canary-session-{len(self.assumed)}")
        now = self.now or datetime.now(UTC)
        credentials = {
            "CurrentTime": now.isoformat(),
            "Expiration": (now + timedelta(seconds=int(form["DurationSeconds"]))).isoformat(),
            "AccessKeyId": access,
            "SecretAccessKey": "canary-temporary",
            "SessionToken": f"canary-session-{len(self.assumed)}",
        }
        return 200, _result({"Credentials": credentials, "AssumedRoleUser": {"Trn": ROLE}})


def _result(result: Any) -> dict[str, Any]:
    return {"ResponseMetadata": {"RequestId": "canary-request", "Service": "kms"}, "Result": result}


def _error(code: str) -> dict[str, Any]:
    return {"ResponseMetadata": {"RequestId": "canary-request", "Error": {"Code": code, "Message": "canary"}}}
