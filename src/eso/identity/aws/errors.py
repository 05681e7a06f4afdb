"""What AWS and its SDK raise, as `eso.errors`; texts of AWS are left out, they may repeat what was sent.

Source of the codes: the common errors of the AWS API references, and those of the services used here.
"""

from __future__ import annotations

import re
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.aws.http import AnswerTooLongError

__all__ = ["code_of", "credentials_refused", "error_of", "message_of"]

_CODE: Final = re.compile(r"[A-Za-z0-9_.]{1,64}")

_PARAMETER: Final = re.compile(r"^Invalid \w+ for parameter (\w+)", re.MULTILINE)
"""In the SDK's report on parameters; the rest of it shows values."""

_NOT_FOUND: Final = frozenset(
    ("ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound", "InvalidResourceId")
)
_EXPIRED: Final = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "RequestExpired")
)
_DENIED: Final = _EXPIRED | {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "NotAuthorized",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "InvalidIdentityToken",
    "IDPRejectedClaim",
    "KMSAccessDeniedException",
    "RegionDisabledException",
}
_THROTTLED: Final = frozenset(
    (
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "TooManyUpdates",
        "SlowDown",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
    )
)
_PASSING: Final = frozenset(
    (
        "InternalServiceError",
        "InternalServiceErrorException",
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "IDPCommunicationError",
    )
)
_LONGEST_WAIT: Final = 3600.0


def error_of(err: Exception, what: str) -> ProviderError:
    """The error for an exception of the SDK.

    Args:
        err: a `ClientError` or `BotoCoreError`.
        what: the operation and its subject in our own words, for example `reading secret db/password`.
    """
    if isinstance(err, ClientError):
        return error_for_code(code_of(err), what, status=_status(err), wait=_wait(err))
    if isinstance(err, NoCredentialsError):
        return AccessDeniedError(f"{what}: no AWS credentials were found, set auth or give the operator a role")
    if isinstance(err, ParamValidationError):
        names = _PARAMETER.findall(str(err.kwargs.get("report", "")))
        which = f" ({', '.join(dict.fromkeys(names))})" if names else ""
        return InvalidRequestError(f"{what}: AWS does not accept such parameters{which}")
    if isinstance(err, SSLError):
        return UnavailableError(f"{what}: the TLS connection to AWS failed, check the certificate and AWS_CA_BUNDLE")
    if isinstance(err, AnswerTooLongError):
        return InvalidRequestError(f"{what}: {err}")
    if isinstance(err, ReadTimeoutError):
        return UnavailableError(f"{what}: AWS did not answer in time")
    if isinstance(err, (HTTPClientError, ConnectionError)):
        return UnavailableError(f"{what}: AWS cannot be reached ({type(err).__name__})")
    if isinstance(err, BotoCoreError):
        return ProviderError(f"{what}: the AWS SDK failed ({type(err).__name__})")
    return ProviderError(f"{what}: the answer of AWS could not be understood ({type(err).__name__})")


def error_for_code(code: str, what: str, *, status: int = 400, wait: float | None = None) -> ProviderError:
    """The error for a code that AWS answered.

    Args:
        code: error code, as `code_of` returns it.
        what: the operation and its subject.
        status: HTTP status of the answer.
        wait: seconds from Retry-After.
    """
    message = f"{what}: AWS answered {code or status}"
    if code in _NOT_FOUND:
        return NoSecretError(message)
    if code in _THROTTLED or status == 429:
        return ThrottledError(message, retry_after=wait)
    if code in _DENIED or status in (401, 403):
        return AccessDeniedError(f"{message}, check the credentials of the store and what they are allowed to do")
    if code in _PASSING or status >= 500:
        return UnavailableError(message, retry_after=wait)
    return InvalidRequestError(message)


def code_of(err: Exception) -> str:
    """The error code of an answer; empty when there is none, or it does not look like one."""
    if not isinstance(err, ClientError):
        return ""
    code = str(err.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else ""


def message_of(err: Exception) -> str:
    """The text AWS gave. To look at, never to show."""
    return str(err.response.get("Error", {}).get("Message", "")) if isinstance(err, ClientError) else ""


def credentials_refused(err: Exception) -> bool:
    """Whether newer credentials could help."""
    return code_of(err) in _EXPIRED


def _status(err: ClientError) -> int:
    status = err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return status if isinstance(status, int) else 400


def _wait(err: ClientError) -> float | None:
    text = str(err.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", ""))
    return min(float(text[:8]), _LONGEST_WAIT) if text.isascii() and text.isdigit() else None
