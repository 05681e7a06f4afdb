"""Which namespaces a cluster-wide object means, and which events concern it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from eso.controllers.namespaces import Selection, changes_membership, is_terminating
from eso.errors import InvalidSpecError
from reconcile.api.core_v1 import Namespace
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import KubeObject


def namespace(name: str = "n", phase: str = "Active", **metadata: Any) -> Namespace:
    return Namespace.from_wire({"metadata": {"name": name, **metadata}, "status": {"phase": phase}})


@dataclass
class Change:
    old: KubeObject | None
    new: KubeObject | None
    type: str = "updated"
    initial: bool = False


def selector(**fields: Any) -> LabelSelector:
    return LabelSelector.model_validate(fields)


@pytest.mark.parametrize(
    ("selection", "matches"),
    [
        (Selection([]), False),
        (Selection([selector()]), True),
        (Selection([selector(matchLabels={"a": "b"})]), True),
        (Selection([selector(matchLabels={"a": "c"})]), False),
        (Selection([selector(matchLabels={"a": "c"}), selector(matchLabels={"a": "b"})]), True),
        (Selection([], ["n"]), True),
        (Selection([selector(matchLabels={"a": "c"})], ["n"]), True),
        (Selection([], ["m"]), False),
    ],
)
def test_selection(selection: Selection, matches: bool) -> None:
    assert selection.matches(namespace(labels={"a": "b"})) is matches


def test_a_malformed_selector_is_refused() -> None:
    with pytest.raises(InvalidSpecError):
        Selection([selector(matchExpressions=[{"key": "a", "operator": "Near"}])])


def test_the_selected_come_in_the_order_of_their_names() -> None:
    found = Selection([selector()]).of([namespace("b"), namespace("a")])
    assert [one.name for one in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "concerns"),
    [
        (Change(None, namespace(), "added"), True),
        (Change(None, namespace(), "added", initial=True), False),
        (Change(None, namespace(), "sync"), False),
        (Change(namespace(), None, "deleted"), True),
        (Change(namespace(), namespace()), False),
        (Change(namespace(), namespace(annotations={"a": "b"})), False),
        (Change(namespace(), namespace(labels={"a": "b"})), True),
        (Change(namespace(), namespace(phase="Terminating")), True),
        (Change(namespace(), namespace(deletionTimestamp="2026-01-01T00:00:00Z")), True),
    ],
)
def test_events(change: Change, concerns: bool) -> None:
    assert changes_membership(change) is concerns


def test_terminating() -> None:
    assert is_terminating(namespace(phase="Terminating"))
    assert not is_terminating(Namespace.from_wire({"metadata": {"name": "n"}}))
