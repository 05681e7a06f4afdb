"""What Secret Manager answers with, as `eso.errors`; texts of Google are left out, they may repeat what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)

__all__ = ["NotEnabledError", "error_of"]

_DETAILS: Final = "grpc-status-details-bin"
_LONGEST_WAIT: Final = 3600.0


class NotEnabledError(ProviderError):
    """The version is disabled or destroyed."""


_KINDS: Final[Mapping[grpc.StatusCode, type[ProviderError]]] = {
    grpc.StatusCode.NOT_FOUND: NoSecretError,
    grpc.StatusCode.FAILED_PRECONDITION: NotEnabledError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNIMPLEMENTED: InvalidRequestError,
    grpc.StatusCode.ALREADY_EXISTS: ProviderError,
}
"""What Google's codes mean here; every other one is a failure that may pass."""


def error_of(err: grpc.aio.AioRpcError, what: str) -> ProviderError:
    """The error for the status of an answer.

    Args:
        err: from the SDK.
        what: the operation and its subject in our own words, for example `reading secret db`.
    """
    code = err.code()
    message = f"{what}: Google answered {code.name}"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ThrottledError(f"{message}, too many requests", retry_after=_wait(err))
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return AccessDeniedError(f"{message}, check the credentials of the store and what they are allowed to do")
    if code is grpc.StatusCode.UNAVAILABLE:
        # gRPC tells the reason in prose only.
        message = f"{what}: Google is out, cannot be reached, or its certificate is not trusted ({code.name})"
    kind = _KINDS.get(code)
    return UnavailableError(message, retry_after=_wait(err)) if kind is None else kind(message)


def _wait(err: grpc.aio.AioRpcError) -> float | None:
    """Seconds that Google asks to wait, at most one hour. Source: AIP-193, `google.rpc.RetryInfo` among the details of a status."""
    for key, value in err.trailing_metadata() or ():
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        info = RetryInfo()
        try:
            if any(detail.Unpack(info) for detail in Status.FromString(value).details):
                return min(max(0.0, float(info.retry_delay.ToTimedelta().total_seconds())), _LONGEST_WAIT)
        except (DecodeError, ValueError, OverflowError):
            return None
    return None
