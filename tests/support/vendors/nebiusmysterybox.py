"""Nebius: IAM's token exchange and MysteryBox by gRPC."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from eso.providers.grpcmessages import message_types
from tests.support.vendors.grpcserver import GrpcRefused, GrpcVendor

__all__ = ["ACCOUNT", "KEY_ID", "Nebius", "subject_credentials"]

KEY_ID = "publickey-e00"
ACCOUNT = "serviceaccount-e00"

_AUDIENCE = "token-service.iam.new.nebiuscloud.net"
_OAUTH = "urn:ietf:params:oauth"
_KEY = rsa.generate_private_key(65537, 2048)
"""Of the service account; made once, as that takes longer than the tests."""

_IAM = message_types(
    "nebius.iam.v1",
    """
    message ExchangeTokenRequest {
        string grant_type = 1; string requested_token_type = 2; string subject_token = 3; string subject_token_type = 4;
        repeated string scopes = 5; string audience = 6; string actor_token = 7; string actor_token_type = 8;
        repeated string resource = 9;
    }
    message CreateTokenResponse {
        string access_token = 1; string issued_token_type = 2; string token_type = 3; int64 expires_in = 4;
        repeated string scopes = 5;
    }
    """,
)
_BOX = message_types(
    "nebius.mysterybox.v1",
    """
    message Payload { string key = 1; oneof payload { string string_value = 12; bytes binary_value = 13; } }
    message GetPayloadRequest { string secret_id = 1; string version_id = 2; }
    message GetPayloadByKeyRequest { string secret_id = 1; string version_id = 2; string key = 3; }
    message SecretPayload { string version_id = 1; repeated Payload data = 2; }
    message SecretPayloadEntry { string version_id = 1; Payload data = 2; }
    """,
)
_EXCHANGE = "/nebius.iam.v1.TokenExchangeService/Exchange"
_GET = "/nebius.mysterybox.v1.PayloadService/Get"
_GET_BY_KEY = "/nebius.mysterybox.v1.PayloadService/GetByKey"


def subject_credentials(**changes: Any) -> str:
    """The JSON of the credentials that may sign in; names with `_` for `-`."""
    pem = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    found = {
        "type": "JWT",
        "alg": "RS256",
        "private_key": pem,
        "kid": KEY_ID,
        "iss": ACCOUNT,
        "sub": ACCOUNT,
        **changes,
    }
    return json.dumps(
        {"subject-credentials": {name.replace("_", "-"): text for name, text in found.items() if text is not None}}
    )


@dataclass
class Nebius(GrpcVendor):
    """Nebius on one address.

    Attributes:
        keys: ids of keys that are valid.
        lifetime: seconds of tokens.
        secrets: id -> version (empty: the primary one) -> entries.
    """

    methods = {
        _EXCHANGE: (_IAM["ExchangeTokenRequest"], _IAM["CreateTokenResponse"]),
        _GET: (_BOX["GetPayloadRequest"], _BOX["SecretPayload"]),
        _GET_BY_KEY: (_BOX["GetPayloadByKeyRequest"], _BOX["SecretPayloadEntry"]),
    }
    public = frozenset((_EXCHANGE,))

    keys: set[str] = field(default_factory=lambda: {KEY_ID})
    lifetime: int = 43200
    secrets: dict[str, dict[str, dict[str, str | bytes | None]]] = field(default_factory=dict)

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
        if path == _EXCHANGE:
            return self._token(request)
        versions = self.secrets.get(request.secret_id, {})
        if request.version_id not in versions:
            raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
        entries = versions[request.version_id]
        if path == _GET:
            return _BOX["SecretPayload"](data=[_payload(key, value) for key, value in entries.items()])
        if request.key == "nil":
            return _BOX["SecretPayloadEntry"]()
        if request.key not in entries:
            raise GrpcRefused(grpc.StatusCode.NOT_FOUND)
        return _BOX["SecretPayloadEntry"](data=_payload(request.key, entries[request.key]))

    def _token(self, request: Any) -> Any:
        try:
            header = jwt.get_unverified_header(request.subject_token)
            claims = jwt.decode(
                request.subject_token,
                _KEY.public_key(),
                algorithms=["RS256"],
                audience=_AUDIENCE,
                issuer=ACCOUNT,
                options={"verify_iat": False, "verify_exp": False, "require": ["iss", "sub", "iat", "exp", "aud"]},
            )
        except jwt.PyJWTError:
            raise GrpcRefused(grpc.StatusCode.UNAUTHENTICATED) from None
        if header.get("kid") not in self.keys or claims["sub"] != ACCOUNT or claims["exp"] != claims["iat"] + 60:
            raise GrpcRefused(grpc.StatusCode.UNAUTHENTICATED)
        shown = (request.grant_type, request.requested_token_type, request.subject_token_type)
        if shown != (
            f"{_OAUTH}:grant-type:token-exchange",
            f"{_OAUTH}:token-type:access_token",
            f"{_OAUTH}:token-type:jwt",
        ):
            raise GrpcRefused(grpc.StatusCode.INVALID_ARGUMENT)
        return _IAM["CreateTokenResponse"](access_token=self.issued(), token_type="Bearer", expires_in=self.lifetime)


def _payload(key: str, value: str | bytes | None) -> Any:
    if value is None:
        return _BOX["Payload"](key=key)
    return _BOX["Payload"](key=key, **{"string_value" if isinstance(value, str) else "binary_value": value})
