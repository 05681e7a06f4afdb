"""How old an answer may be for whoever is asking right now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["LONGEST_REUSE", "default_max_age", "oldest_allowed", "patience", "reading_since"]

LONGEST_REUSE: Final = 10.0
"""Seconds an answer is reused at most by default."""

_SHARE: Final = 20.0
_PATIENCE_SHARE: Final = 10.0

# One client serves many objects at once and its methods know nothing of them, so the age travels with the task.
_OLDEST: ContextVar[float | None] = ContextVar("eso_oldest_answer", default=None)


def default_max_age(refresh_interval: float) -> float:
    """Seconds an answer may be old in a periodic refresh: a twentieth of the interval, at most ten seconds.

    After an edit, a forced sync or drift the caller passes 0 instead: then only calls that began after it asked count.
    """
    return min(max(refresh_interval, 0.0) / _SHARE, LONGEST_REUSE)


@contextmanager
def reading_since(oldest: float) -> Iterator[None]:
    """Within it, reads accept answers whose call began at `oldest` (loop time) or later."""
    token = _OLDEST.set(oldest)
    try:
        yield
    finally:
        _OLDEST.reset(token)


def oldest_allowed(now: float) -> float:
    """Loop time from which answers are acceptable to the running task; now when nobody said."""
    oldest = _OLDEST.get()
    return now if oldest is None else oldest


def patience(now: float) -> float:
    """Seconds that the running task can wait for others who read as well: a tenth of the age that it accepts."""
    return max(0.0, now - oldest_allowed(now)) / _PATIENCE_SHARE
