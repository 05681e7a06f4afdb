from __future__ import annotations

from typing import Any

import pytest

from reconcile.cache import InformerEvent
from reconcile.predicates import (
    Predicate,
    all_of,
    annotations_changed,
    any_of,
    deletion_started,
    finalizers_changed,
    generation_changed,
    labels_changed,
    negate,
    resource_version_changed,
)
from tests.unit.reconcile.controllers import Team, team


def _event(**changes: Any) -> InformerEvent[Team]:
    old, new = team(version=1), team(version=2, metadata=changes)
    return InformerEvent("updated", Team.from_wire(old), Team.from_wire(new))


_DELETION = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("predicate", "change"),
    [
        (generation_changed, {"generation": 2}),
        (generation_changed, {"generation": 0}),
        (generation_changed, _DELETION),
        (labels_changed, {"labels": {"a": "b"}}),
        (annotations_changed, {"annotations": {"a": "b"}}),
        (finalizers_changed, {"finalizers": ["a/b"]}),
        (deletion_started, _DELETION),
        (resource_version_changed, {}),
    ],
)
def test_what_it_is_called_for_matches(predicate: Predicate, change: dict[str, Any]) -> None:
    assert predicate(_event(**change))


@pytest.mark.parametrize(
    "predicate", [generation_changed, labels_changed, annotations_changed, finalizers_changed, deletion_started]
)
def test_other_updates_do_not_match_but_creation_and_deletion_do(predicate: Predicate) -> None:
    obj = Team.from_wire(team())
    assert not predicate(_event())
    assert predicate(InformerEvent("added", None, obj))
    assert predicate(InformerEvent("deleted", obj, None))


def test_resync_of_an_unchanged_object_does_not_match() -> None:
    obj = Team.from_wire(team())
    assert not resource_version_changed(InformerEvent("updated", obj, obj))


def test_combinations() -> None:
    event = _event(labels={"a": "b"})
    assert any_of(generation_changed, labels_changed)(event)
    assert not all_of(generation_changed, labels_changed)(event)
    assert all_of()(event)
    assert not any_of()(event)
    assert negate(generation_changed)(event)
