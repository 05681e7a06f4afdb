"""Every error that `reconcile` raises.

The tree, from what goes wrong to what the caller does about it::

    ReconcileError
     +-- APIError                 the API server answered with a Status that is not success
     |    +-- BadRequestError         400  the request itself is wrong
     |    +-- UnauthorizedError       401  credentials missing, expired or unknown
     |    +-- ForbiddenError          403  RBAC, admission, or a namespace that is going away
     |    +-- NotFoundError           404
     |    +-- MethodNotAllowedError   405
     |    +-- AlreadyExistsError      409, reason AlreadyExists
     |    +-- ConflictError           409  the object changed since it was read
     |    +-- GoneError               410  the resourceVersion is too old: list again
     |    +-- InvalidError            422  schema or validation rule
     |    +-- TooManyRequestsError    429  wait `retry_after` seconds
     |    +-- ServerError             5xx
     +-- TransportError           no answer: connection refused, reset, or timed out
     +-- DecodeError              an object does not have the shape of its kind
     +-- ConfigError              no usable kubeconfig or in-cluster configuration
     +-- LeaderLostError          the lease could not be renewed in time
     +-- TerminalError            raised by a reconciler: do not retry before something changes
     +-- RetryError               raised by a reconciler: try again, but not before `retry_after` seconds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "APIError",
    "AlreadyExistsError",
    "BadRequestError",
    "ConfigError",
    "ConflictError",
    "DecodeError",
    "ForbiddenError",
    "GoneError",
    "InvalidError",
    "LeaderLostError",
    "MethodNotAllowedError",
    "NotFoundError",
    "ReconcileError",
    "RetryError",
    "ServerError",
    "TerminalError",
    "TooManyRequestsError",
    "TransportError",
    "UnauthorizedError",
    "error_from_status",
]


class ReconcileError(Exception):
    """Base of every error of this library."""


class TerminalError(ReconcileError):
    """Raised by a reconciler when trying again is useless until the object changes.

    The controller counts it, logs it and waits for the next event of the object.
    """


class RetryError(ReconcileError):
    """Raised by a reconciler that knows how long it is useless to try again.

    The controller counts it as a failure and backs off as usual, but waits at least `retry_after` seconds.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConfigError(ReconcileError):
    """No API server can be reached because the configuration is missing or broken."""


class LeaderLostError(ReconcileError):
    """The lease could not be renewed within the renew deadline; the process must end."""


class TransportError(ReconcileError):
    """The API server gave no complete answer (refused, reset, timed out, bad TLS)."""


class DecodeError(ReconcileError):
    """The API server sent an object that does not have the shape its kind describes; names fields, never values."""


class APIError(ReconcileError):
    """The API server answered with a failure Status.

    Attributes:
        status: the HTTP status code.
        reason: the machine readable reason, for example `AlreadyExists`.
        message: the server's sentence.
        details: `status.details`: name, group, kind, causes.
        retry_after: seconds to wait before the next try, when the server said so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.details: Mapping[str, Any] = details or {}
        self.retry_after = retry_after

    @property
    def causes(self) -> Sequence[Mapping[str, Any]]:
        """Field level causes (`field`, `reason`, `message`) of an invalid object or a conflict."""
        return self.details.get("causes") or ()


class BadRequestError(APIError):
    """400: the request is malformed."""


class UnauthorizedError(APIError):
    """401: the credentials are missing, expired or unknown."""


class ForbiddenError(APIError):
    """403: not allowed, by RBAC, by admission, or because the namespace is being deleted."""


class NotFoundError(APIError):
    """404: no such object, or no such kind."""


class MethodNotAllowedError(APIError):
    """405: the kind does not support this verb."""


class ConflictError(APIError):
    """409: the object has changed since it was read, or field managers disagree."""


class AlreadyExistsError(ConflictError):
    """409 with reason AlreadyExists: create found an object of that name."""


class GoneError(APIError):
    """410: the resource version is older than what the server keeps."""


class InvalidError(APIError):
    """422: the object violates its schema or a validation rule."""


class TooManyRequestsError(APIError):
    """429: the server asks to slow down; see `retry_after`."""


class ServerError(APIError):
    """5xx: the server failed."""


_BY_STATUS: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: TooManyRequestsError,
}


def error_from_status(
    status: int, body: Mapping[str, Any] | None, *, retry_after: float | None = None, fallback: str = ""
) -> APIError:
    """The error for an HTTP status and the `Status` object in its body.

    Args:
        status: HTTP status code, or the `code` of a Status inside a watch.
        body: the decoded Status, if the body was one.
        retry_after: seconds, from the header.
        fallback: message when the body holds none.
    """
    body = body or {}
    details = body.get("details") or {}
    reason = str(body.get("reason") or "")
    if reason == "AlreadyExists":
        kind: type[APIError] = AlreadyExistsError
    elif reason == "Expired" or reason == "Gone":
        kind = GoneError
    elif status >= 500:
        kind = ServerError
    else:
        kind = _BY_STATUS.get(status, APIError)
    if retry_after is None and details.get("retryAfterSeconds"):
        retry_after = float(details["retryAfterSeconds"])
    message = str(body.get("message") or fallback or f"the API server answered {status}")
    return kind(message, status=status, reason=reason, details=details, retry_after=retry_after)
