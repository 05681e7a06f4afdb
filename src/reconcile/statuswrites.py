"""Tells the status that a reconcile has just written from the status that somebody else wrote.

A reconcile that writes the status of its own object need not run again because of that. But the update that brings its write
back may bring a foreign change along, so it is not enough that the write was ours: the object must be exactly what we expect it
to be. The client says what it expects while it takes in the answer to the write; the controller, told of the change in that very
moment, compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from reconcile.api.model import KubeObject

__all__ = ["expecting_status", "is_expected_status_write", "writes_status"]

_EXPECTED: ContextVar[Mapping[str, Any] | None] = ContextVar("reconcile_expected_status", default=None)


@contextmanager
def expecting_status(status: Mapping[str, Any]) -> Iterator[None]:
    """Inside of the block this task writes a status and expects it to be `status`, in JSON form, afterwards."""
    token = _EXPECTED.set(status)
    try:
        yield
    finally:
        _EXPECTED.reset(token)


def writes_status() -> bool:
    """Whether this task is writing a status at this moment."""
    return _EXPECTED.get() is not None


def is_expected_status_write(old: KubeObject, new: KubeObject) -> bool:
    """Whether the step from `old` to `new` is the status write that this task is making, and nothing else."""
    expected = _EXPECTED.get()
    if expected is None:
        return False
    before, after = old.metadata, new.metadata
    unchanged = (
        # The API server counts generations of kinds with a status: equal means that the spec is.
        (before.uid, before.generation, before.deletion_timestamp)
        == (after.uid, after.generation, after.deletion_timestamp)
        and after.generation > 0
        and before.labels == after.labels
        and before.annotations == after.annotations
        and before.finalizers == after.finalizers
        and before.owner_references == after.owner_references
    )
    return unchanged and (new.to_wire().get("status") or {}) == expected
