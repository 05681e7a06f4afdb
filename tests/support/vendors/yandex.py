"""Yandex Cloud: endpoints, IAM, Lockbox and Certificate Manager by gRPC, and the metadata server of a machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from eso.providers.grpcmessages import message_types
from tests.support.vendors.grpcserver import GrpcRefused, GrpcVendor
from tests.support.vendors.tokenserver import Refused, TokenServer

__all__ = ["ACCOUNT", "FOLDER", "KEY_ID", "MachineMetadata", "Yandex", "authorized_key"]

KEY_ID = "ajekey"
ACCOUNT = "ajeaccount"
FOLDER = "b1gfolder"

_AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
_KEY = rsa.generate_private_key(65537, 2048)
"""Of the service account; made once, as that takes longer than the tests."""

_ENDPOINT = message_types(
    "yandex.cloud.endpoint",
    "message GetApiEndpointRequest { string api_endpoint_id = 1; } message ApiEndpoint { string id = 1; string address = 2; }",
)
_IAM = message_types(
    "yandex.cloud.iam.v1",
    """
    message Timestamp { int64 seconds = 1; int32 nanos = 2; }
    message CreateIamTokenRequest { oneof identity { string yandex_passport_oauth_token = 1; string jwt = 2; } }
    message CreateIamTokenResponse { string iam_token = 1; Timestamp expires_at = 2; }
    """,
)
_LOCKBOX = message_types(
    "yandex.cloud.lockbox.v1",
    """
    message GetPayloadRequest { string secret_id = 1; string version_id = 2; }
    message Payload { string version_id = 1; repeated Entry entries = 2; }
    message Entry { string key = 1; oneof value { string text_value = 2; bytes binary_value = 3; } }
    message FolderAndName { string folder_id = 1; string secret_name = 2; }
    message GetExRequest {
        oneof identifier { string secret_id = 1; FolderAndName folder_and_name = 2; }
        string version_id = 21;
    }
    message GetExResponse { string secret_id = 1; string version_id = 2; map<string, bytes> entries = 3; }
    """,
)
_CERTIFICATES = message_types(
    "yandex.cloud.certificatemanager.v1",
    """
    message FolderAndName { string folder_id = 1; string certificate_name = 2; }
    message GetCertificateContentRequest { string certificate_id = 1; string version_id = 2; int32 private_key_format = 3; }
    message GetCertificateContentResponse {
        string certificate_id = 1; repeated string certificate_chain = 3; string private_key = 4;
    }
    message GetExCertificateContentRequest {
        oneof identifier { string certificate_id = 1; FolderAndName folder_and_name = 2; }
        string version_id = 21; int32 private_key_format = 22;
    }
    message GetExCertificateContentResponse {
        string certificate_id = 1; string version_id = 2; repeated string certificate_chain = 3; string private_key = 4;
    }
    """,
)
_GET_ENDPOINT = "/yandex.cloud.endpoint.ApiEndpointService/Get"
_CREATE_TOKEN = "/yandex.cloud.iam.v1.IamTokenService/Create"
_PAYLOAD = "/yandex.cloud.lockbox.v1.PayloadService"
_CONTENT = "/yandex.cloud.certificatemanager.v1.CertificateContentService"


def authorized_key(**changes: Any) -> str:
    """The JSON of the key that may sign in."""
    pem = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    found = {
        "id": KEY_ID,
        "service_account_id": ACCOUNT,
        "created_at": "2026-01-01T00:00:00Z",
        "key_algorithm": "RSA_2048",
        "public_key": "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <ajekey>\n-----BEGIN PUBLIC KEY-----\n",
        "private_key": f"PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <ajekey>\n{pem}",
        **changes,
    }
    return json.dumps({name: value for name, value in found.items() if value is not None})


@dataclass
class Yandex(GrpcVendor):
    """Yandex Cloud on one address.

    Attributes:
        address: that endpoint look-ups answer with; empty for `target`.
        lists_iam: whether the directory knows where IAM is.
        keys: ids of keys that are valid.
        lifetime: seconds of tokens.
        secrets: id -> version (empty: the current one) -> entries.
        names: name in `FOLDER` -> id.
        certificates: id -> version -> chain and key.
    """

    methods = {
        _GET_ENDPOINT: (_ENDPOINT["GetApiEndpointRequest"], _ENDPOINT["ApiEndpoint"]),
        _CREATE_TOKEN: (_IAM["CreateIamTokenRequest"], _IAM["CreateIamTokenResponse"]),
        f"{_PAYLOAD}/Get": (_LOCKBOX["GetPayloadRequest"], _LOCKBOX["Payload"]),
        f"{_PAYLOAD}/GetEx": (_LOCKBOX["GetExRequest"], _LOCKBOX["GetExResponse"]),
        f"{_CONTENT}/Get": (
            _CERTIFICATES["GetCertificateContentRequest"],
            _CERTIFICATES["GetCertificateContentResponse"],
        ),
        f"{_CONTENT}/GetEx": (
            _CERTIFICATES["GetExCertificateContentRequest"],
            _CERTIFICATES["GetExCertificateContentResponse"],
        ),
    }
    public = frozenset((_GET_ENDPOINT, _CREATE_TOKEN))

    address: str = ""
    lists_iam: bool = True
    keys: set[str] = field(default_factory=lambda: {KEY_ID})
    lifetime: int = 43200
    secrets: dict[str, dict[str, dict[str, str | bytes | None]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, dict[str, tuple[list[str], str]]] = field(default_factory=dict)

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """No key is valid any longer, nor are the tokens that they got."""
        before, self.keys = self.keys, set()
        self.tokens.clear()
        try:
            yield
        finally:
            self.keys = before

    def answer(self, path: str, request: Any) -> Any:
        service, _, method = path.rpartition("/")
        if path == _GET_ENDPOINT:
            return self._endpoint(request)
        if path == _CREATE_TOKEN:
            return self._token(request)
        held: Any = self.secrets if service == _PAYLOAD else self.certificates
        identity = self._id(request) if method == "GetEx" else self._plain_id(request)
        if request.version_id not in held.get(identity, {}):
            raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
        found = held[identity][request.version_id]
        gives = self.methods[path][1]
        if service == _CONTENT:
            return gives(certificate_id=identity, certificate_chain=found[0], private_key=found[1])
        if method == "GetEx":
            plain = {key: value.encode() if isinstance(value, str) else value for key, value in found.items()}
            return gives(secret_id=identity, entries=plain)
        return gives(entries=[_entry(key, value) for key, value in found.items()])

    def _endpoint(self, request: Any) -> Any:
        known = {"lockbox-payload", "certificate-manager-data"} | ({"iam"} if self.lists_iam else set())
        if request.api_endpoint_id not in known:
            raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
        return _ENDPOINT["ApiEndpoint"](id=request.api_endpoint_id, address=self.address or self.target)

    def _token(self, request: Any) -> Any:
        try:
            header = jwt.get_unverified_header(request.jwt)
            claims = jwt.decode(
                request.jwt,
                _KEY.public_key(),
                algorithms=["PS256"],
                audience=_AUDIENCE,
                issuer=ACCOUNT,
                options={"verify_iat": False, "verify_exp": False, "require": ["iss", "iat", "exp", "aud"]},
            )
        except jwt.PyJWTError:
            raise GrpcRefused(grpc.StatusCode.UNAUTHENTICATED) from None
        if header.get("kid") not in self.keys or not claims["iat"] < claims["exp"] <= claims["iat"] + 3600:
            raise GrpcRefused(grpc.StatusCode.UNAUTHENTICATED)
        ends = {"seconds": int(claims["iat"]) + self.lifetime}
        return _IAM["CreateIamTokenResponse"](iam_token=self.issued(), expires_at=ends)

    def _plain_id(self, request: Any) -> str:
        return str(getattr(request, "secret_id", "") or getattr(request, "certificate_id", ""))

    def _id(self, request: Any) -> str:
        if request.WhichOneof("identifier") != "folder_and_name":
            return self._plain_id(request)
        place = request.folder_and_name
        name = getattr(place, "secret_name", "") or getattr(place, "certificate_name", "")
        return self.names.get(name, "") if place.folder_id == FOLDER else ""


def _entry(key: str, value: str | bytes | None) -> Any:
    if value is None:
        return _LOCKBOX["Entry"](key=key)
    return _LOCKBOX["Entry"](key=key, **{"text_value" if isinstance(value, str) else "binary_value": value})


@dataclass
class MachineMetadata(TokenServer):
    """The metadata server of a machine whose service account may read."""

    cloud: Yandex = field(default_factory=Yandex)
    account: bool = True

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        if request.headers.get("Metadata-Flavor") != "Google":
            raise Refused(403)
        if request.path != "/computeMetadata/v1/instance/service-accounts/default/token" or not self.account:
            raise Refused(404)
        return 200, {"access_token": self.cloud.issued(), "expires_in": self.cloud.lifetime, "token_type": "Bearer"}
