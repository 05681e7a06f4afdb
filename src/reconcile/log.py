"""Which reconcile a log line belongs to: an identity in a context variable, and the filter that adds it to records."""

from __future__ import annotations

import logging
from contextvars import ContextVar, Token
from dataclasses import dataclass

from reconcile.api.request import Request

__all__ = ["RequestFilter", "RequestIdentity", "current_request", "request_scope"]


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """One run of one reconcile.

    Attributes:
        controller: the controller's name.
        request: the object that is reconciled.
        run: counts the runs of that controller since the process started, so two runs of one object differ.
    """

    controller: str
    request: Request
    run: int


_CURRENT: ContextVar[RequestIdentity | None] = ContextVar("reconcile_request", default=None)


def current_request() -> RequestIdentity | None:
    """The reconcile that this task runs for; None outside of one."""
    return _CURRENT.get()


class request_scope:  # noqa: N801 - read as a function; a class, for it is entered at every reconcile
    """Make `identity` the current one, also for tasks started inside the block."""

    __slots__ = ("_identity", "_token")

    def __init__(self, identity: RequestIdentity) -> None:
        self._identity = identity
        self._token: Token[RequestIdentity | None] | None = None

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._identity)

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
        if token is not None:
            _CURRENT.reset(token)


class RequestFilter(logging.Filter):
    """Adds `controller`, `request` and `run` to every record; they are empty outside of a reconcile.

    Install it on a handler: filters of a logger do not see the records of its children.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record; never drops one."""
        identity = _CURRENT.get()
        record.controller = identity.controller if identity else ""
        record.request = str(identity.request) if identity else ""
        record.run = identity.run if identity else 0
        return True
