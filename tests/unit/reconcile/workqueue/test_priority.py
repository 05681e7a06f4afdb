from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.workqueue import FairOrder, Priority

Key = tuple[str, int]


def _tenant(key: Key) -> str:
    return key[0]


def _pop_all(order: FairOrder[Key], now: float = 0.0) -> list[Key]:
    return [order.pop(now)[0] for _ in range(len(order))]


def test_classes_go_by_urgency() -> None:
    order = FairOrder[Key]()
    classes = list(Priority)
    random.Random(1).shuffle(classes)
    for number, priority in enumerate(classes):
        order.push(("t", number), priority, 0.0)
    expected = [Priority.NEW, Priority.SPEC, Priority.EVENT, Priority.RETRY, Priority.PERIODIC]
    assert [classes[number] for _, number in _pop_all(order)] == expected


def test_tenants_take_turns_inside_a_class() -> None:
    order = FairOrder[Key](tenant=_tenant)
    for number in range(4):
        order.push(("big", number), Priority.EVENT, 0.0)
    order.push(("small", 0), Priority.EVENT, 0.0)
    order.push(("tiny", 0), Priority.EVENT, 0.0)
    assert _pop_all(order) == [("big", 0), ("small", 0), ("tiny", 0), ("big", 1), ("big", 2), ("big", 3)]


def test_a_raised_key_moves_up_and_keeps_its_age() -> None:
    order = FairOrder[Key]()
    order.push(("t", 1), Priority.EVENT, 1.0)
    order.push(("t", 0), Priority.PERIODIC, 2.0)
    order.raise_priority(("t", 0), Priority.NEW)
    order.raise_priority(("t", 0), Priority.RETRY)
    assert order.pop(2.0) == (("t", 0), 2.0)
    assert order.pop(2.0) == (("t", 1), 1.0)
    assert len(order) == 0
    assert order.oldest() is None


def test_beyond_the_bound_every_second_key_is_the_longest_waiting() -> None:
    order = FairOrder[Key](max_wait=30)
    for number in range(3):
        order.push(("old", number), Priority.PERIODIC, 0.0)
    for number in range(3):
        order.push(("new", number), Priority.NEW, 30.0)
    assert [tenant for tenant, _ in _pop_all(order, now=31.0)] == ["old", "new", "old", "new", "old", "new"]


def test_clear_drops_everything() -> None:
    order = FairOrder[Key]()
    order.push(("t", 0), Priority.NEW, 0.0)
    order.clear()
    assert (len(order), order.oldest()) == (0, None)
    order.push(("t", 1), Priority.NEW, 0.0)
    assert _pop_all(order) == [("t", 1)]


def test_leftovers_of_raised_and_aged_keys_are_swept() -> None:
    order = FairOrder[Key](max_wait=0)
    for number in range(5000):
        order.push(("t", number), Priority.PERIODIC, float(number))
        order.raise_priority(("t", number), Priority.NEW)
        if number >= 10:
            order.pop(float(number))
    seen = Counter(_pop_all(order, now=6000.0))
    assert len(seen) == 10
    assert set(seen.values()) == {1}


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from("abc"), st.sampled_from(list(Priority))),
        st.tuples(st.just("raise"), st.integers(0, 50), st.sampled_from(list(Priority))),
        st.tuples(st.just("pop"), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 20), st.just(0)),
    ),
    max_size=200,
)


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_the_maximum_wait_is_bounded_and_no_key_is_lost(steps: list[tuple[str, object, int]]) -> None:
    """A key past the bound with n older ones before it leaves within 2 (n + 1) pops, whatever else arrives."""
    max_wait = 30.0
    order = FairOrder[Key](tenant=_tenant, max_wait=max_wait)
    now = 0.0
    waiting: dict[Key, float] = {}  # in order of arrival
    budget: dict[Key, int] = {}
    pushed = 0
    for action, argument, priority in steps:
        if action == "push":
            key = (str(argument), pushed)
            pushed += 1
            order.push(key, priority, now)
            waiting[key] = now
        elif action == "raise" and waiting:
            key = list(waiting)[int(str(argument)) % len(waiting)]
            order.raise_priority(key, priority)
        elif action == "wait":
            now += int(str(argument))
            for position, (key, since) in enumerate(waiting.items()):
                if now - since >= max_wait:
                    budget.setdefault(key, 2 * (position + 1))
        elif action == "pop" and waiting:
            key, since = order.pop(now)
            assert waiting.pop(key) == since
            budget.pop(key, None)
            budget = {late: left - 1 for late, left in budget.items()}
            assert all(left > 0 for left in budget.values())
        assert len(order) == len(waiting)
        assert order.oldest() == next(iter(waiting.values()), None)
    assert sorted(_pop_all(order, now)) == sorted(waiting)
