from __future__ import annotations

from typing import Any

import pytest

from reconcile.client.matching import AppliedMemory, FieldConflict, field_conflicts, holds
from reconcile.errors import ConflictError


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, True),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": [1, 2, 3]}, {"a": [1, 2]}, False),
        ({"a": [{"n": "x", "defaulted": 1}]}, {"a": [{"n": "x"}]}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {"a": {}}, False),
        ({"a": "text"}, {"a": ["t"]}, False),
    ],
)
def test_holds(current: Any, wanted: Any, expected: bool) -> None:
    assert holds(current, wanted) is expected


def test_conflicts_name_fields_and_managers() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using v1', "field": ".data.x"},
        {"reason": "FieldManagerConflict", "message": "strange", "field": ".data.y"},
        {"reason": "Other", "message": 'conflict with "z"'},
    ]
    found = field_conflicts(ConflictError("conflict", details={"causes": causes}))
    assert found == [FieldConflict(".data.x", "kubectl"), FieldConflict(".data.y", "")]
    assert field_conflicts(ConflictError("conflict")) == []


def test_memory_knows_the_object_and_the_fields() -> None:
    memory, key = AppliedMemory(), ("secrets", "ns", "a", "", "me")
    assert not memory.unchanged(key, "u", {"a": 1})
    memory.remember(key, "u", {"a": 1, "b": 2})
    assert memory.unchanged(key, "u", {"b": 2, "a": 1})
    assert not memory.unchanged(key, "u", {"a": 1})
    assert not memory.unchanged(key, "another", {"a": 1, "b": 2})
