"""Signed requests: version 1.0 of the header protocol, which every Chef Infra Server takes.

Source: Chef's "Chef Infra Server API", Authentication Headers.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eso.errors import InvalidSpecError
from eso.values import SecretValue

__all__ = ["Signer"]

_CHEF_VERSION: Final = "14.0.0"
_API_VERSION: Final = "1"
_CHUNK: Final = 60
"""Characters of a signature in one header."""


class Signer:
    """Signs GET requests of one user.

    Args:
        user: name.
        key: PEM of the user's private key.

    Raises:
        InvalidSpecError: it is not an RSA key, is too short for what is signed, or the name can be no part of a header.
    """

    def __init__(self, user: str, key: SecretValue) -> None:
        if any(ord(char) <= 0x20 or ord(char) == 0x7F for char in user):
            raise InvalidSpecError("username may hold neither spaces nor control characters")
        self._user = user
        try:
            private = load_pem_private_key(key.reveal(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, RSAPrivateKey):
            raise InvalidSpecError(
                "unable to create chef client: privateKeySecretRef is not the PEM of an RSA private key without passphrase"
            )
        self._private = private
        # The protocol signs the text itself, not a digest of it: see RFC 8017, 9.2, for the eleven bytes.
        if len(self._text("", "", "2026-01-01T00:00:00Z")) + 2 * len(_digest(b"")) > private.key_size // 8 - 11:
            raise InvalidSpecError("unable to create chef client: the private key is too short for this username")

    def headers(self, path: str, now: datetime) -> dict[str, str]:
        """The headers of a GET request.

        Args:
            path: of the URL, without escapes.
            now: the wall clock, in UTC.
        """
        moment, empty = now.strftime("%Y-%m-%dT%H:%M:%SZ"), _digest(b"")
        text = self._text(_digest(path.encode()), empty, moment)
        signature = base64.b64encode(self._private.sign(text, PKCS1v15(), NoDigestInfo())).decode()
        chunks = [signature[start : start + _CHUNK] for start in range(0, len(signature), _CHUNK)]
        return {
            "Accept": "application/json",
            "X-Chef-Version": _CHEF_VERSION,
            "X-Ops-Server-API-Version": _API_VERSION,
            "X-Ops-Sign": "algorithm=sha1;version=1.0",
            "X-Ops-UserId": self._user,
            "X-Ops-Timestamp": moment,
            "X-Ops-Content-Hash": empty,
            **{f"X-Ops-Authorization-{number}": chunk for number, chunk in enumerate(chunks, 1)},
        }

    def _text(self, path: str, content: str, moment: str) -> bytes:
        return (
            f"Method:GET\nHashed Path:{path}\nX-Ops-Content-Hash:{content}\n"
            f"X-Ops-Timestamp:{moment}\nX-Ops-UserId:{self._user}"
        ).encode()


def _digest(content: bytes) -> str:
    # The protocol's choice; it protects nothing by itself, the signature is over the result.
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
