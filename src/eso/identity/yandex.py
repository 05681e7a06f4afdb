"""Who signs in at Yandex Cloud: a service account by its authorized key, or the machine by its metadata server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import aiohttp
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eso.errors import InvalidSpecError, ProviderError
from eso.identity.http import error_for_status, exchange
from eso.values import SecretValue

__all__ = ["METADATA", "AuthorizedKey", "machine_token"]

METADATA: Final = "http://169.254.169.254"
"""Base URL of the metadata server of machines at Yandex Cloud."""

# Source: documentation of Yandex Identity and Access Management, "Getting an IAM token for a service account".
_AUDIENCE: Final = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
_LIFETIME: Final = 3600
_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
_ASKING: Final = "asking the metadata server of the machine for an IAM token"
_SECONDS: Final = 5.0


class AuthorizedKey:
    """An authorized key of a service account.

    Args:
        document: the JSON that Yandex Cloud hands out; names as there, or in camel case.

    Raises:
        InvalidSpecError: it is not such a key; the text names what is wrong, never what it holds.
    """

    def __init__(self, document: SecretValue) -> None:
        try:
            info = json.loads(document.reveal())
        except (ValueError, RecursionError):
            raise InvalidSpecError("unable to unmarshal authorized key: it is not JSON") from None
        if not isinstance(info, dict):
            raise InvalidSpecError("unable to unmarshal authorized key: it is not a JSON object")
        self.id = _member(info, "id", "id")
        self.account = _member(info, "service_account_id", "serviceAccountId")
        self._key = _private_key(_member(info, "private_key", "privateKey"))

    def assertion(self, now: float) -> str:
        """The JWT that is exchanged for an IAM token.

        Args:
            now: seconds of the epoch.
        """
        claims = {"iss": self.account, "aud": _AUDIENCE, "iat": int(now), "exp": int(now) + _LIFETIME}
        return jwt.encode(claims, self._key, algorithm="PS256", headers={"kid": self.id})


def _member(info: Mapping[str, Any], name: str, camel: str) -> str:
    found = info.get(name) or info.get(camel)
    if not isinstance(found, str) or not found:
        raise InvalidSpecError(f"the authorized key has no {name}: it must be one of a service account")
    return found


def _private_key(pem: str) -> RSAPrivateKey:
    # A line that warns not to remove it stands before the key.
    begin = pem.find("-----BEGIN")
    try:
        key = load_pem_private_key(pem[max(0, begin) :].encode("utf-8", "surrogateescape"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidSpecError("the private_key of the authorized key is not PEM of a private key") from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidSpecError("the private_key of the authorized key is not an RSA key")
    return key


class _MachineToken(NamedTuple):
    status: int
    body: bytes


async def machine_token(http: aiohttp.ClientSession, root: str) -> tuple[SecretValue, float]:
    """The IAM token of the machine's service account, and the seconds that it lives.

    Args:
        http: carries the request.
        root: base URL of the metadata server.

    Raises:
        ProviderError: there is no such server, the machine has no service account, or the answer holds no token.
    """
    answer = await exchange(
        lambda status, headers, body: _MachineToken(status, body),
        http,
        "GET",
        f"{root}{_PATH}",
        _ASKING,
        headers={"Metadata-Flavor": "Google"},
        timeout=_SECONDS,
    )
    if answer.status == 404:
        raise ProviderError(f"{_ASKING}: it has no service account; name one's key in auth.authorizedKeySecretRef")
    if answer.status != 200:
        raise error_for_status(answer.status, _ASKING)
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ProviderError(f"{_ASKING}: the answer is not JSON") from None
    token, seconds = (found.get("access_token"), found.get("expires_in")) if isinstance(found, dict) else (None, None)
    if not isinstance(token, str) or not token or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ProviderError(f"{_ASKING}: the answer holds no token")
    return SecretValue(token), float(seconds)
