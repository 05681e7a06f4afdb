"""The Ready condition, by the rules that every kind of the operator shares."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from eso.errors import EsoError
from reconcile.api.meta_v1 import Condition
from reconcile.errors import ReconcileError

__all__ = ["LONGEST_MESSAGE", "cause_of", "find", "ready", "with_condition"]

LONGEST_MESSAGE: Final = 1024
"""Characters of a condition's message or an event's: what the API server accepts for events."""


def find(conditions: Sequence[Condition] | None, type_: str = "Ready") -> Condition | None:
    """The condition of that type."""
    return next((condition for condition in conditions or () if condition.type == type_), None)


def ready(status: bool, reason: str, message: str) -> Condition:
    """A Ready condition without a time."""
    return Condition(
        type="Ready", status="True" if status else "False", reason=reason, message=message[:LONGEST_MESSAGE]
    )


def with_condition(conditions: Sequence[Condition] | None, new: Condition, now: datetime) -> list[Condition]:
    """The list with `new` in it.

    A condition that says the same stays as it is. Otherwise it moves to the end, and its transition time changes only when
    its status does.
    """
    present = list(conditions or ())
    old = find(present, new.type)
    if old is not None and (old.status, old.reason, old.message) == (new.status, new.reason, new.message):
        return present
    since = old.last_transition_time if old is not None and old.status == new.status else now
    others = [condition for condition in present if condition.type != new.type]
    return [*others, new.model_copy(update={"last_transition_time": since})]


def cause_of(err: BaseException) -> str:
    """What to tell people about a failure.

    The text of our own errors and of the API server is safe to show. Of any other error only the class is named: its text may
    hold anything.
    """
    if isinstance(err, EsoError | ReconcileError):
        return str(err) or type(err).__name__
    if isinstance(err, TimeoutError):
        return "timed out"
    return f"unexpected {type(err).__name__}; the log of the operator has its traceback"
