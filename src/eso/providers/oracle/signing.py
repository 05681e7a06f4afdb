"""Signed requests: who sends one, in which state it left.

Source: Oracle's "Request Signatures", a profile of draft-cavage-http-signatures.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from yarl import URL

from eso.values import SecretValue

__all__ = ["FEDERATION", "SERVICE", "Identity", "rsa_key", "signed_headers"]

SERVICE: Final = ("date", "(request-target)", "host")
"""What a request to a service signs; those with a body sign it too."""

FEDERATION: Final = ("date", "(request-target)")
"""What a request for a token signs: the service that gives them takes no other."""

_BODY: Final = ("content-length", "content-type", "x-content-sha256")
_WITH_BODY: Final = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and the name by which Oracle knows it.

    Attributes:
        key_id: `tenancy/user/fingerprint`, or `ST$` and a token.
        private: the key.
    """

    key_id: SecretValue
    private: RSAPrivateKey


def rsa_key(pem: bytes) -> RSAPrivateKey | None:
    """The RSA key in a PEM text without passphrase; None where there is none."""
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return private if isinstance(private, RSAPrivateKey) else None


def signed_headers(
    identity: Identity, method: str, url: URL, body: bytes, now: datetime, *, covered: Sequence[str] = SERVICE
) -> dict[str, str]:
    """The headers of a request, with its signature.

    Args:
        identity: that signs.
        method: of the request; those that may have a body sign an empty one, too.
        url: as it is sent.
        body: as it is sent.
        now: the wall clock.
        covered: which headers are signed besides those of the body.
    """
    port = "" if url.is_default_port() else f":{url.port}"
    values = {
        "date": format_datetime(now, usegmt=True),
        "(request-target)": f"{method.lower()} {url.raw_path_qs}",
        "host": f"{url.raw_host}{port}",
    }
    names = [*covered]
    if method in _WITH_BODY:
        names += _BODY
        values["content-length"] = str(len(body))
        values["content-type"] = "application/json"
        values["x-content-sha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = "\n".join(f"{name}: {values[name]}" for name in names)
    signature = base64.b64encode(identity.private.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    values["authorization"] = (
        f'Signature version="1",headers="{" ".join(names)}",keyId="{identity.key_id.reveal_text()}",'
        f'algorithm="rsa-sha256",signature="{signature}"'
    )
    del values["(request-target)"]
    return values
