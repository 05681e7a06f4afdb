"""Tokens of service accounts: issued, verified, and described for OIDC relying parties."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from reconcile.testing.apiserver.requests import User
from reconcile.testing.apiserver.storage import Storage

__all__ = ["DEFAULT_AUDIENCE", "TokenIssuer", "VerifiedToken", "new_signing_key"]

DEFAULT_AUDIENCE = "https://kubernetes.default.svc"
_COORDINATE = 32  # bytes of a P-256 coordinate


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_signing_key() -> bytes:
    """A private key for a server that keeps it over restarts."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _load_key(data: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_der_private_key(data, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the stored signing key is not an elliptic curve key")
    return key


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that is genuine, fresh, and whose service account still exists."""

    user: User
    audiences: tuple[str, ...]


class TokenIssuer:
    """Signs and verifies with one ES256 key.

    Args:
        storage: where service accounts are looked up.
        clock: wall clock, aware UTC.
        issuer: the `iss` claim; set again when the server's URL is known.
        key: from `new_signing_key`; None makes one.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Callable[[], datetime],
        issuer: str = DEFAULT_AUDIENCE,
        *,
        key: bytes | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self.issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1()) if key is None else _load_key(key)
        public = self._key.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._key_id = _b64(hashlib.sha256(der).digest())

    def issue(
        self, account: dict[str, Any], audiences: Sequence[str], seconds: int, bound_to: dict[str, Any] | None
    ) -> tuple[str, datetime]:
        """A token for a service account and when it ends.

        Args:
            account: the ServiceAccount object.
            audiences: who will accept it.
            seconds: how long it is valid.
            bound_to: `spec.boundObjectRef`, which goes into the claims.
        """
        now = self._clock().astimezone(UTC)
        expires = now + timedelta(seconds=seconds)
        metadata = account["metadata"]
        private: dict[str, Any] = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        if bound_to and bound_to.get("kind"):
            private[bound_to["kind"].lower()] = {"name": bound_to.get("name", ""), "uid": bound_to.get("uid", "")}
        claims = {
            "aud": list(audiences),
            "exp": int(expires.timestamp()),
            "iat": int(now.timestamp()),
            "iss": self.issuer,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": private,
            "nbf": int(now.timestamp()),
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
        }
        return self._sign(claims), expires

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": self._key_id}
        signed = f"{_b64(msgspec.json.encode(header))}.{_b64(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_b64(r.to_bytes(_COORDINATE, 'big') + s.to_bytes(_COORDINATE, 'big'))}"

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            signed, _, signature = token.rpartition(".")
            raw = _unb64(signature)
            r, s = int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big")
            self._key.public_key().verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(SHA256()))
            claims = msgspec.json.decode(_unb64(signed.partition(".")[2]))
        except (InvalidSignature, ValueError, msgspec.DecodeError):
            return None
        return claims if isinstance(claims, dict) else None

    def verify(self, token: str, audiences: Sequence[str] = ()) -> VerifiedToken | None:
        """The user of a token, None when it is forged, expired, for others, or its service account is gone.

        Args:
            token: the compact JWT.
            audiences: one of them must be in the token; empty means the API server itself.
        """
        claims = self._claims(token)
        if claims is None or claims["exp"] <= self._clock().timestamp():
            return None
        shared = [name for name in claims["aud"] if name in (audiences or (DEFAULT_AUDIENCE, self.issuer))]
        if not shared:
            return None
        private = claims["kubernetes.io"]
        namespace, account = private["namespace"], private["serviceaccount"]
        stored = self._storage.get("serviceaccounts", namespace, account["name"])
        if stored is None or stored.obj["metadata"]["uid"] != account["uid"]:
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        extra = {"authentication.kubernetes.io/credential-id": [f"JTI={claims['jti']}"]}
        return VerifiedToken(User(claims["sub"], account["uid"], groups, extra), tuple(shared))

    def discovery_document(self) -> dict[str, Any]:
        """`/.well-known/openid-configuration`."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def key_set(self) -> dict[str, Any]:
        """`/openid/v1/jwks`."""
        numbers = self._key.public_key().public_numbers()
        x, y = (_b64(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
        return {
            "keys": [{"use": "sig", "kty": "EC", "kid": self._key_id, "crv": "P-256", "alg": "ES256", "x": x, "y": y}]
        }
