"""Errors of the operator, by what happens next.

The tree::

    EsoError
     +-- InvalidSpecError         the object itself is wrong: wait until somebody edits it
     +-- ReferenceNotFoundError   something the object points to is missing
     +-- ProviderError            a provider refused or failed
          +-- NoSecretError           the secret does not exist at the provider; drives deletionPolicy
          +-- NotModifiedError        the provider says nothing changed: end the sync, touch nothing
          +-- ValidationUnknownError  a store could not be probed; it stays Ready
          +-- AccessDeniedError       not allowed, or credentials refused
          +-- ThrottledError          slow down; `retry_after` seconds
          +-- UnavailableError        no answer or a failure of the provider: try again soon
          +-- InvalidRequestError     the provider can never answer this request
          +-- ProviderNotAvailableError   the provider, or its extra, is not installed

Text that comes from a vendor is untrusted and may hold a secret: pass it through `eso.redaction.scrub` before it becomes
the message of an error.
"""

from __future__ import annotations

from typing import TypeVar

__all__ = [
    "AccessDeniedError",
    "EsoError",
    "InvalidRequestError",
    "InvalidSpecError",
    "NoSecretError",
    "NotModifiedError",
    "ProviderError",
    "ProviderNotAvailableError",
    "ReferenceNotFoundError",
    "ThrottledError",
    "UnavailableError",
    "ValidationUnknownError",
    "find_cause",
]

E = TypeVar("E", bound=BaseException)


class EsoError(Exception):
    """Base of every error of the operator. Its text is safe to show: it never holds a secret value."""


class InvalidSpecError(EsoError):
    """The object is wrong and stays wrong until it is edited."""


class ReferenceNotFoundError(EsoError):
    """A Secret, ConfigMap, ServiceAccount, store or generator that the object names is missing, or lacks a key."""


class ProviderError(EsoError):
    """A provider refused or failed; the subclass says how."""


class NoSecretError(ProviderError):
    """The secret (or the property of it) does not exist at the provider."""

    def __init__(self, message: str = "Secret does not exist") -> None:
        super().__init__(message)


class NotModifiedError(ProviderError):
    """The provider answered that nothing changed since the last read."""


class AccessDeniedError(ProviderError):
    """The provider refused the identity or the permission."""


class ThrottledError(ProviderError):
    """The provider asks to slow down.

    Attributes:
        retry_after: seconds, when the provider said how long.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(ProviderError):
    """The provider gave no answer, or failed in a way that passes.

    Attributes:
        retry_after: seconds, when the provider said how long.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InvalidRequestError(ProviderError):
    """The provider rejects the request as such: bad key, bad version, unsupported operation."""


class ProviderNotAvailableError(ProviderError):
    """The provider is unknown here, or the extra that carries its SDK is not installed."""


class ValidationUnknownError(ProviderError):
    """Whether the store works could not be determined; it stays Ready with reason ValidationUnknown."""


def find_cause(err: BaseException | None, *kinds: type[E]) -> E | None:
    """The first error of one of the kinds along the chain of causes, which begins with the error itself."""
    while err is not None:
        if isinstance(err, kinds):
            return err
        err = err.__cause__
    return None
