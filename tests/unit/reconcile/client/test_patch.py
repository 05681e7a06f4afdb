from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.client.patch import json_patch, merge_diff, merge_patch

SCALARS = st.one_of(st.booleans(), st.integers(-2, 2), st.sampled_from(["", "a", "b"]))
KEYS = st.sampled_from(["a", "b", "c/d", "e~f"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3))
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2}, {"a": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, {"a": {"y": 3}}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": [2, 1]}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": [{"x": 1}]}, {"a": [{"x": True}]}, {"a": [{"x": True}]}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({}, {"a": None}, {}),
        ({"a": None}, {}, {}),
        ({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({}, {"a": {}}, {"a": {}}),
        ({"a": {"x": 1}}, {"a": 5}, {"a": 5}),
    ],
)
def test_merge_diff(old: dict[str, Any], new: dict[str, Any], diff: dict[str, Any]) -> None:
    assert repr(merge_diff(old, new)) == repr(diff)


@given(OBJECTS, OBJECTS)
def test_the_merge_diff_leads_from_one_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert repr(_ordered(merge_patch(old, merge_diff(old, new)))) == repr(_ordered(new))
    assert merge_diff(new, new) == {}


@given(OBJECTS, OBJECTS)
def test_the_json_patch_leads_from_one_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    result: Any = old
    for operation in json_patch(old, new):
        result = _applied(result, operation)
    assert repr(_ordered(result)) == repr(_ordered(new))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _applied(target: Any, operation: dict[str, Any]) -> Any:
    if operation["path"] == "":
        return operation["value"]
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    result = dict(target)
    place = result
    for part in parents:
        place[part] = dict(place[part])
        place = place[part]
    if operation["op"] == "remove":
        del place[last]
    else:
        place[last] = operation["value"]
    return result
