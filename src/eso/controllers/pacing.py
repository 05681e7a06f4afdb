"""When an object is looked at again: versions, phases, and pauses after failures. Shared by every kind that syncs."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from eso.api.duration import parse_duration
from eso.controllers.slots import SHORTEST, SlotGroup, latest_of, retry_wait
from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderNotAvailableError,
    ThrottledError,
    UnavailableError,
    find_cause,
)
from eso.settings import DEFAULT_REQUEUE
from eso.transform.hash import synced_resource_version
from reconcile.api.model import KubeObject
from reconcile.api.request import Request

__all__ = ["SMALLEST_STEP", "Forced", "Retries", "interval_of", "phase_of", "recheck_after", "version_of"]

SMALLEST_STEP: Final = 0.01
"""Seconds, so that a timer that comes early does not spin."""

_LASTING: Final = (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderNotAvailableError,
)
_BASE: Final = 1.0
_FREE_TRIES: Final = 6
"""Tries at the usual pace, about a minute, before the tries of a lasting error are drawn together and become rarer."""


def interval_of(text: str) -> float:
    """`spec.refreshInterval` in seconds.

    Raises:
        InvalidSpecError: not a Go duration.
    """
    try:
        return parse_duration(text)
    except ValueError as err:
        raise InvalidSpecError(f'spec.refreshInterval: {err}; write a Go duration such as "1h" or "30s"') from err


def version_of(obj: KubeObject, *, but: Container[str] = ()) -> str:
    """What `status.syncedResourceVersion` becomes when the object as it stands has been synced.

    Args:
        obj: the object.
        but: annotations that do not count: those that the operator itself keeps.
    """
    meta = obj.metadata
    annotations = {key: value for key, value in meta.annotations.items() if key not in but}
    return synced_resource_version(meta.generation, annotations, meta.labels)


def phase_of(obj: KubeObject, interval: float) -> float:
    """Seconds by which the object's refreshes lag, the same after every restart.

    Objects that were created together do not stay together.
    """
    fraction = zlib.crc32(obj.metadata.uid.encode()) / 0xFFFFFFFF
    return latest_of(interval) * fraction


def recheck_after(refresh_time: str | None) -> float | None:
    """Seconds until a cluster-wide object looks at its namespaces again: an hour by default, never when not positive."""
    if refresh_time is None:
        return DEFAULT_REQUEUE
    try:
        seconds = parse_duration(refresh_time)
    except ValueError:
        return DEFAULT_REQUEUE
    return seconds if seconds > 0 else None


class Forced:
    """Objects whose next pass has work to do although they are not due: something they refer to has changed."""

    def __init__(self) -> None:
        self._waiting: set[Request] = set()

    def add(self, request: Request) -> None:
        """Ask for it."""
        self._waiting.add(request)

    def forget(self, request: Request) -> None:
        """The object is gone."""
        self._waiting.discard(request)

    @contextmanager
    def taken(self, request: Request) -> Iterator[bool]:
        """Whether this was asked for; a block that fails leaves it to the next pass.

        What changes while the block runs asks for a pass of its own.
        """
        forced = request in self._waiting
        self._waiting.discard(request)
        try:
            yield forced
        except BaseException:
            if forced:
                self._waiting.add(request)
            raise


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: float
    version: str


class Retries:
    """Counts failures of each object; what passes soon is tried soon, what needs a human is not asked for all the time."""

    def __init__(self) -> None:
        self._failures: dict[Request, _Failures] = {}

    def failed_ago(self, request: Request, version: str) -> float | None:
        """Seconds since the object last failed; 0 when it was edited since, None when it last succeeded or was never tried.

        Args:
            request: the object.
            version: as it stands, see `version_of`.
        """
        found = self._failures.get(request)
        if found is None:
            return None
        return asyncio.get_running_loop().time() - found.last if found.version == version else 0.0

    def requests(self) -> list[Request]:
        """The objects whose last try failed."""
        return list(self._failures)

    def failing(self, request: Request) -> bool:
        """Whether the last try of the object failed."""
        return request in self._failures

    def forget(self, request: Request) -> None:
        """The object succeeded, or is gone."""
        self._failures.pop(request, None)

    def pause(
        self,
        request: Request,
        failure: BaseException,
        interval: float,
        *,
        retry: bool = True,
        version: str = "",
        at: tuple[datetime, SlotGroup] | None = None,
    ) -> float:
        """Seconds before which another try is useless; the controller's own backoff may wait longer.

        Args:
            request: the object.
            failure: what went wrong; the chain of its causes decides.
            interval: the object's refresh interval in seconds, the longest pause; zero means an hour.
            retry: whether trying again may help at all.
            version: the object as it was tried.
            at: the wall clock and whom to try together with: objects that miss the same remote key ask for it with one call.
        """
        before = self._failures.get(request)
        count = before.count + 1 if before is not None else 1
        self._failures[request] = _Failures(count, asyncio.get_running_loop().time(), version)
        longest = interval if interval > 0 else DEFAULT_REQUEUE
        if not retry:
            return longest
        cause = find_cause(failure, ThrottledError, UnavailableError, *_LASTING)
        if isinstance(cause, ThrottledError | UnavailableError):
            return cause.retry_after or 0.0
        return 0.0 if cause is None or count <= _FREE_TRIES else _rarer(count, longest, at)


def _rarer(count: int, longest: float, at: tuple[datetime, SlotGroup] | None) -> float:
    pause = min(_BASE * 2.0 ** min(count - 1, 20), longest)
    if at is None or pause < SHORTEST:
        return pause
    return retry_wait(at[0].timestamp(), pause, longest, at[1])
