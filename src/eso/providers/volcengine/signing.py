"""Signed requests: Volcengine's variant of the signature that AWS calls version 4.

Source: Volcengine's documentation "Signature Method", and its SDKs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from yarl import URL

from eso.values import SecretValue

__all__ = ["CONTENT_TYPE", "Keys", "query_string", "signed_headers"]

CONTENT_TYPE: Final = "application/json; charset=utf-8"
_ALGORITHM: Final = "HMAC-SHA256"
_SERVICE: Final = "kms"


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with.

    Attributes:
        access_key: its id.
        secret_key: the key.
        token: of temporary keys; None of lasting ones.
    """

    access_key: SecretValue
    secret_key: SecretValue
    token: SecretValue | None = None


def query_string(query: Mapping[str, str]) -> str:
    """A query as it is signed, which is also how it must be sent."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()))


def signed_headers(keys: Keys, region: str, url: URL, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a POST request to the root of the service, with its signature.

    Args:
        keys: that sign.
        region: of the service.
        url: as it is sent.
        body: as it is sent, JSON.
        now: the wall clock, in UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    port = "" if url.is_default_port() else f":{url.port}"
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Host": f"{url.raw_host}{port}",
        "X-Content-Sha256": digest,
        "X-Date": moment,
    }
    if keys.token:
        headers["X-Security-Token"] = keys.token.reveal_text()
    lower = {name.lower(): value for name, value in sorted(headers.items())}
    names = ";".join(lower)
    lines = "".join(f"{name}:{value}\n" for name, value in lower.items())
    request = "\n".join(("POST", "/", url.raw_query_string, lines, names, digest))
    scope = f"{moment[:8]}/{region}/{_SERVICE}/request"
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = keys.secret_key.reveal()
    for part in scope.split("/"):
        key = _mac(key, part)
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key.reveal_text()}/{scope}, "
        f"SignedHeaders={names}, Signature={_mac(key, text).hex()}"
    )
    return headers


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
