"""How long to wait after a failure: what passes soon is tried soon, what needs a human is not asked for all the time."""

from __future__ import annotations

from typing import Final

from eso.controllers.externalsecret.outcome import Failure
from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderNotAvailableError,
    ThrottledError,
    UnavailableError,
)
from eso.settings import DEFAULT_REQUEUE
from reconcile.api.request import Request

__all__ = ["Retries"]

_LASTING: Final = (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderNotAvailableError,
)
_BASE: Final = 1.0
_FREE_TRIES: Final = 8
"""Tries at the usual pace, about four minutes, before a lasting error waits longer and longer."""


class Retries:
    """Counts failures of each object and names the pause after them."""

    def __init__(self) -> None:
        self._failures: dict[Request, int] = {}

    def forget(self, request: Request) -> None:
        """The object succeeded, or is gone."""
        self._failures.pop(request, None)

    def pause(self, request: Request, failure: Failure, interval: float) -> float:
        """Seconds before which another try is useless; the controller's own backoff may wait longer.

        Args:
            request: the object.
            failure: what went wrong; the chain of its causes decides.
            interval: the object's refresh interval in seconds, the longest pause; zero means an hour.
        """
        count = self._failures.get(request, 0) + 1
        self._failures[request] = count
        longest = interval if interval > 0 else DEFAULT_REQUEUE
        if not failure.retry:
            return longest
        cause: BaseException | None = failure
        while cause is not None:
            if isinstance(cause, ThrottledError | UnavailableError):
                return cause.retry_after or 0.0
            if isinstance(cause, _LASTING):
                return 0.0 if count <= _FREE_TRIES else min(_BASE * 2.0 ** min(count, 20), longest)
            cause = cause.__cause__
        return 0.0
