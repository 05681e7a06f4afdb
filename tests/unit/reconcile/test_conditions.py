from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconcile.api.meta_v1 import Condition
from reconcile.conditions import find_condition, is_condition_true, remove_condition, set_condition

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1 = T0 + timedelta(hours=1)


def _condition(type_: str = "Ready", status: str = "True", at: datetime | None = None, **more: object) -> Condition:
    return Condition(type=type_, status=status, last_transition_time=at, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "new", "since"),
    [
        ([], _condition(), T1),
        ([], _condition(at=T0), T0),
        ([_condition(at=T0)], _condition(reason="Other", message="changed"), T0),
        ([_condition(at=T0)], _condition(at=T1), T0),
        ([_condition(at=T0)], _condition(status="False"), T1),
        ([_condition(status="False", at=T0)], _condition(at=T0), T0),
        ([_condition(at=None)], _condition(), T1),
    ],
    ids=[
        "new",
        "new-with-time",
        "same-status",
        "same-status-with-time",
        "changed",
        "changed-with-time",
        "no-time-before",
    ],
)
def test_last_transition_time(known: list[Condition], new: Condition, since: datetime) -> None:
    (result,) = set_condition(known, new, T1)
    assert result == new.model_copy(update={"last_transition_time": since})


def test_times_are_whole_seconds_as_the_server_stores_them() -> None:
    (result,) = set_condition([], _condition(), T0.replace(microsecond=999))
    assert result.last_transition_time == T0


def test_the_place_among_the_others_stays_and_nothing_is_changed_in_place() -> None:
    known = [_condition("A", at=T0), _condition("B", at=T0), _condition("C", at=T0)]
    result = set_condition(known, _condition("B", "False"), T1)
    assert [(condition.type, condition.status) for condition in result] == [
        ("A", "True"),
        ("B", "False"),
        ("C", "True"),
    ]
    assert known[1].status == "True"
    assert [condition.type for condition in set_condition(known, _condition("D"), T1)] == ["A", "B", "C", "D"]


def test_find_is_true_and_remove() -> None:
    known = [_condition("A"), _condition("B", "Unknown")]
    assert find_condition(known, "B") is known[1]
    assert find_condition(known, "C") is None
    assert [is_condition_true(known, type_) for type_ in "ABC"] == [True, False, False]
    assert remove_condition(known, "A") == [known[1]]
