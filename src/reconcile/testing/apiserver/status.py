"""Failures as the API server words them: a `Status` object with code, reason, message and details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "StatusError",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "internal",
    "invalid",
    "method_not_allowed",
    "modified",
    "not_found",
    "resource_not_found",
    "unauthorized",
    "unsupported_media_type",
]

Cause = dict[str, Any]

_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class StatusError(Exception):
    """A request that failed; `body()` is what the client receives.

    Attributes:
        code: the HTTP status code.
        reason: the machine readable reason.
        message: the server's sentence.
        details: `status.details`, None when the real server sends none.
        headers: extra response headers, such as `Retry-After`.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = dict(headers or {})
        self.metadata = dict(metadata or {})

    def body(self) -> dict[str, Any]:
        """The `Status` object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = dict(self.details)
        status["code"] = self.code
        return status


def _details(resource: str, group: str, name: str) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    details["kind"] = resource
    return details


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(resource: str, group: str, name: str) -> StatusError:
    """404: the kind is served, the object is not there."""
    message = f'{_qualified(resource, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(resource, group, name))


def resource_not_found() -> StatusError:
    """404: no such kind or subresource in a group that is served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: str, group: str, name: str) -> StatusError:
    """409: create found an object of that name."""
    message = f'{_qualified(resource, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(resource, group, name))


def conflict(resource: str, group: str, name: str, why: str) -> StatusError:
    """409: the operation cannot be done on the object as it is now."""
    message = f'Operation cannot be fulfilled on {_qualified(resource, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(resource, group, name))


def modified(resource: str, group: str, name: str) -> StatusError:
    """409: the resourceVersion sent is not the current one."""
    return conflict(resource, group, name, _MODIFIED)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422: the object violates its schema; `causes` carry `field`, `reason` and `message`."""
    parts = [f"{cause['field']}: {cause['message']}" if cause.get("field") else cause["message"] for cause in causes]
    text = parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"
    qualified = f"{kind}.{group}" if group else kind
    details = {**_details(kind, group, name), "causes": [dict(cause) for cause in causes]}
    return StatusError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def forbidden(resource: str, group: str, name: str, why: str, causes: Sequence[Cause] | None = None) -> StatusError:
    """403: not allowed, with the reason in words."""
    qualified = _qualified(resource, group)
    subject = f'{qualified} "{name}"' if name else qualified
    details = _details(resource, group, name)
    if causes:
        details["causes"] = list(causes)
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details)


def bad_request(message: str) -> StatusError:
    """400: the request cannot be understood."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401: no credentials, or unknown ones."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> StatusError:
    """405: the resource does not support this verb."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def unsupported_media_type() -> StatusError:
    """415: the body is in a format that is not understood here."""
    return StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def expired(message: str, *, resume: str = "") -> StatusError:
    """410: the resourceVersion or continue token is older than what is kept."""
    return StatusError(410, "Expired", message, metadata={"continue": resume} if resume else None)


def internal(message: str) -> StatusError:
    """500: the server itself failed."""
    causes = [{"message": message}]
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": causes})
