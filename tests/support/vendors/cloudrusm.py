"""Cloud.ru: IAM and both services of Secret Manager by gRPC, and the directory of endpoints by HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from aiohttp import web

from eso.providers.grpcmessages import message_types
from tests.support.vendors.grpcserver import GrpcRefused, GrpcVendor
from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["KEY_ID", "PROJECT", "SECRET", "CloudRu", "Directory", "Stored"]

KEY_ID = "canary-key-id"
SECRET = "canary-key-secret"
PROJECT = "0b1cf2a4-0000-4000-8000-000000000001"

_IAM = message_types(
    "sbercloud.cp.iam.api.v1.auth",
    """
    message GetTokenRequest { string key_id = 1; string secret = 2; }
    message GetTokenResponse {
        string access_token = 1; string id_token = 2; string refresh_token = 3; int32 expires_in = 4;
        int32 refresh_expires_in = 5; repeated string scopes = 6; string token_type = 7; int32 not_before = 8;
    }
    """,
)
_V1 = message_types(
    "sbercloud.secretmanager.v1",
    """
    message AccessSecretVersionRequest { string secret_id = 1; string secret_version_id = 2; }
    message BytesValue { bytes value = 1; }
    message SecretPayload { BytesValue data = 1; }
    """,
)
_V2 = message_types(
    "cloud.csm.core.v2",
    """
    message AccessSecretRequest {
        string project_id = 1; string path = 2; oneof _version { int32 version = 3; } string json_path = 4;
    }
    message BytesValue { bytes value = 1; }
    message SecretVersion { int32 id = 1; int32 state = 2; }
    message Secret {
        string id = 1; string name = 5; string path = 10; string description = 20; map<string, string> labels = 25;
        string project_id = 31;
    }
    message AccessSecretResponse { Secret secret = 1; SecretVersion version = 2; BytesValue payload = 3; }
    message SearchSecretRequest {
        string project_id = 1; string path = 2; int32 depth = 3; map<string, string> labels = 10;
        oneof name { string regex = 11; string exact = 12; }
    }
    message SearchSecretResponse { repeated Secret secrets = 1; }
    """,
)
_GET_TOKEN = "/sbercloud.cp.iam.api.v1.auth.AuthService/GetToken"
_ACCESS_VERSION = "/sbercloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"
_ACCESS = "/cloud.csm.core.v2.SecretService/Access"
_SEARCH = "/cloud.csm.core.v2.SecretService/Search"


@dataclass
class Stored:
    """A secret; its versions are numbered from 1, and None is one that was destroyed."""

    id: str
    versions: list[bytes | None]
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class CloudRu(GrpcVendor):
    """Cloud.ru on one address.

    Attributes:
        secret: of the access key `KEY_ID`.
        lifetime: seconds of tokens.
        secrets: path in `PROJECT` -> secret.
    """

    methods = {
        _GET_TOKEN: (_IAM["GetTokenRequest"], _IAM["GetTokenResponse"]),
        _ACCESS_VERSION: (_V1["AccessSecretVersionRequest"], _V1["SecretPayload"]),
        _ACCESS: (_V2["AccessSecretRequest"], _V2["AccessSecretResponse"]),
        _SEARCH: (_V2["SearchSecretRequest"], _V2["SearchSecretResponse"]),
    }
    public = frozenset((_GET_TOKEN,))

    secret: str = SECRET
    lifetime: int = 3600
    secrets: dict[str, Stored] = field(default_factory=dict)

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """The access key is no longer valid, nor are the tokens that it got."""
        before, self.secret = self.secret, "another"
        self.tokens.clear()
        try:
            yield
        finally:
            self.secret = before

    def answer(self, path: str, request: Any) -> Any:
        if path == _GET_TOKEN:
            if (request.key_id, request.secret) != (KEY_ID, self.secret):
                raise GrpcRefused(grpc.StatusCode.UNAUTHENTICATED)
            return _IAM["GetTokenResponse"](access_token=self.issued(), expires_in=self.lifetime, token_type="Bearer")
        if path == _ACCESS_VERSION:
            held = next((each for each in self.secrets.values() if each.id == request.secret_id), None)
            version = request.secret_version_id
            payload = _payload(held, None if version == "latest" else int(version) if version.isdigit() else -1)
            return _V1["SecretPayload"](data={"value": payload})
        if request.project_id != PROJECT:
            raise GrpcRefused(grpc.StatusCode.PERMISSION_DENIED)
        if path == _ACCESS:
            wanted = request.version if request.WhichOneof("_version") else None
            return _V2["AccessSecretResponse"](payload={"value": _payload(self.secrets.get(request.path), wanted)})
        return self._search(request)

    def _search(self, request: Any) -> Any:
        if request.path and not any(path.startswith(f"{request.path}/") for path in self.secrets):
            raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
        found = []
        for path, held in self.secrets.items():
            folder, _, name = path.rpartition("/")
            inside = not request.path or f"{folder}/".startswith(f"{request.path}/")
            if request.depth != -1:
                inside = folder == request.path
            labelled = dict(request.labels).items() <= held.labels.items()
            named = request.WhichOneof("name") is None or re.search(request.regex, name) is not None
            if inside and labelled and named:
                found.append(_V2["Secret"](id=held.id, name=name, path=path, labels=held.labels))
        return _V2["SearchSecretResponse"](secrets=found)


def _payload(held: Stored | None, version: int | None) -> bytes:
    if held is None or not held.versions:
        raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
    number = len(held.versions) if version is None else version
    payload = held.versions[number - 1] if 0 < number <= len(held.versions) else None
    if payload is None:
        raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
    return payload


@dataclass
class Directory(TokenServer):
    """The list of endpoints, as at `https://api.cloud.ru/endpoints`."""

    listed: Any = None

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.path != "/endpoints":
            raise Refused(404)
        return 200, self.listed
