"""Signing in at Nebius: credentials of a service account become an IAM token."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
import jwt

from eso.errors import InvalidSpecError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.grpccalls import GrpcServer, Method
from eso.providers.grpcmessages import message_types
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["RETRIED", "SubjectCredentials", "exchanged"]

RETRIED: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""Statuses after which Nebius' SDK tries again."""

_KEPT: Final = 0.9
"""Part of its lifetime in which a token is used. Source: External Secrets Operator."""

# Source: Nebius' SDK for service accounts; RFC 8693 for the names.
_AUDIENCE: Final = "token-service.iam.new.nebiuscloud.net"
_LIFETIME: Final = 60
_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_WANTED: Final = "urn:ietf:params:oauth:token-type:access_token"
_SHOWN: Final = "urn:ietf:params:oauth:token-type:jwt"
_WHAT: Final = "failed to retrieve iam token by credentials"

# Source: nebius/iam/v1/token_service.proto and token_exchange_service.proto of nebius/api.
_IAM: Final = message_types(
    "nebius.iam.v1",
    """
    message ExchangeTokenRequest {
        string grant_type = 1;
        string requested_token_type = 2;
        string subject_token = 3;
        string subject_token_type = 4;
    }
    message CreateTokenResponse { string access_token = 1; string token_type = 3; int64 expires_in = 4; }
    """,
)
_EXCHANGE: Final = Method(
    "/nebius.iam.v1.TokenExchangeService/Exchange", _IAM["ExchangeTokenRequest"], _IAM["CreateTokenResponse"]
)


class SubjectCredentials:
    """Credentials of a service account.

    Args:
        document: the JSON that Nebius hands out, with a member `subject-credentials`.

    Raises:
        InvalidSpecError: it is not that; the text names what is wrong, never what it holds.
    """

    def __init__(self, document: SecretValue) -> None:
        try:
            whole = json.loads(document.reveal())
        except (ValueError, RecursionError):
            raise InvalidSpecError("invalid subject credentials: malformed JSON") from None
        subject = whole.get("subject-credentials") if isinstance(whole, dict) else None
        if not isinstance(subject, dict):
            raise InvalidSpecError("invalid subject credentials: there is no object subject-credentials")
        if subject.get("type", "JWT") not in ("", "JWT"):
            raise InvalidSpecError("invalid subject credentials: the type must be JWT")
        if _member(subject, "alg") != "RS256":
            raise InvalidSpecError("invalid subject credentials: alg must be RS256")
        self._kid = _member(subject, "kid")
        self._account = _member(subject, "sub")
        if _member(subject, "iss") != self._account:
            raise InvalidSpecError("invalid subject credentials: iss must be the same as sub")
        self._key = _member(subject, "private-key")

    def assertion(self, now: float) -> str:
        """The JWT that is exchanged for a token.

        Args:
            now: seconds of the epoch.

        Raises:
            InvalidSpecError: the private key is not one of RSA.
        """
        claims = {
            "iss": self._account,
            "sub": self._account,
            "aud": _AUDIENCE,
            "iat": int(now),
            "exp": int(now) + _LIFETIME,
        }
        try:
            return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._kid})
        except (ValueError, TypeError, jwt.PyJWTError):
            raise InvalidSpecError("invalid subject credentials: private-key is not PEM of an RSA key") from None


def _member(subject: Mapping[str, Any], name: str) -> str:
    found = subject.get(name)
    if not isinstance(found, str) or not found:
        raise InvalidSpecError(f"invalid subject credentials: there is no {name}")
    return found


def exchanged(
    credentials: SubjectCredentials, iam: GrpcServer, calls: ProviderCalls, clock: Callable[[], float]
) -> Renewed[SecretValue]:
    """IAM tokens for the credentials, each asked for when less than a tenth of the life of the last one remains.

    Args:
        credentials: of a service account.
        iam: answers token exchanges.
        calls: the metered way.
        clock: wall clock in seconds of the epoch.
    """

    async def send() -> tuple[SecretValue, float]:
        issued = clock()
        request = _EXCHANGE.request(
            grant_type=_GRANT,
            requested_token_type=_WANTED,
            subject_token=credentials.assertion(issued),
            subject_token_type=_SHOWN,
        )
        answer = await iam.call(_EXCHANGE, request, _WHAT, retried=RETRIED)
        token = answer.access_token.strip()
        if not token:
            raise ProviderError(f"{_WHAT}: the answer holds no token")
        return SecretValue(token), issued + answer.expires_in * _KEPT

    return Renewed(lambda: calls.write("Auth", send), clock, early=0.0)
