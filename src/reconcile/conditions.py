"""Status conditions, as `meta.SetStatusCondition` of apimachinery keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

__all__ = ["ConditionLike", "find_condition", "is_condition_true", "remove_condition", "set_condition"]


class ConditionLike(Protocol):
    """`meta_v1.Condition`, or a condition type of your own with these fields."""

    @property
    def type(self) -> str:
        """What is observed."""
        ...

    @property
    def status(self) -> str:
        """`True`, `False` or `Unknown`."""
        ...

    @property
    def last_transition_time(self) -> datetime | None:
        """When `status` last changed."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """A copy with some fields replaced."""
        ...


C = TypeVar("C", bound=ConditionLike)


def set_condition(conditions: Sequence[C], new: C, now: datetime) -> list[C]:
    """The conditions with `new` in place of the one of its type, or at the end.

    `last_transition_time` changes only when the status does: it stays what it was while reason or message change, and becomes
    that of `new` when it has one, else `now`, whole seconds as the API server stores them.
    """
    known = find_condition(conditions, new.type)
    if known is not None and known.status == new.status and known.last_transition_time is not None:
        since = known.last_transition_time
    else:
        since = (new.last_transition_time or now).replace(microsecond=0)
    placed = new.model_copy(update={"last_transition_time": since})
    if known is None:
        return [*conditions, placed]
    return [placed if condition is known else condition for condition in conditions]


def find_condition(conditions: Sequence[C], type_: str) -> C | None:
    """The condition of that type."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_condition_true(conditions: Sequence[C], type_: str) -> bool:
    """Whether the condition exists with status `True`."""
    condition = find_condition(conditions, type_)
    return condition is not None and condition.status == "True"


def remove_condition(conditions: Sequence[C], type_: str) -> list[C]:
    """The conditions without that type."""
    return [condition for condition in conditions if condition.type != type_]
