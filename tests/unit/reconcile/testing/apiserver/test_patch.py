from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.testing.apiserver.patch import PatchError, json_patch, merge_patch, strategic_merge_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@pytest.mark.parametrize(
    ("target", "patch", "wanted"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_of_rfc_7386(target: Any, patch: Any, wanted: Any) -> None:
    assert merge_patch(target, patch) == wanted


@given(OBJECTS, OBJECTS)
def test_merge_patch_is_idempotent_and_pure(target: dict[str, Any], patch: dict[str, Any]) -> None:
    kept = copy.deepcopy((target, patch))
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
    assert (target, patch) == kept


@pytest.mark.parametrize(
    ("document", "operations", "wanted"),
    [
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["a"]}], {"foo": ["bar", ["a"]]}),
        ({"foo": [1, 2, 3]}, [{"op": "remove", "path": "/foo/1"}], {"foo": [1, 3]}),
        ({"foo": [1, 2]}, [{"op": "replace", "path": "/foo/0", "value": 9}], {"foo": [9, 2]}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
        ({"a": {"b": [1]}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": [1]}, "c": {"b": [1]}}),
        ({"m~n": 1, "a/b": 2}, [{"op": "remove", "path": "/m~0n"}, {"op": "remove", "path": "/a~1b"}], {}),
        ({"a": 1}, [{"op": "test", "path": "/b", "value": None}], {"a": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ],
)
def test_json_patch(document: Any, operations: Any, wanted: Any) -> None:
    kept = copy.deepcopy(document)
    assert json_patch(document, operations) == wanted
    assert document == kept


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ({}, 400),
        (["x"], 400),
        ([{"op": "add"}], 400),
        ([{"op": "add", "path": "/a"}], 422),
        ([{"op": "bogus", "path": "/a"}], 422),
        ([{"op": "test", "path": "/a", "value": True}], 422),
        ([{"op": "remove", "path": "/list/7"}], 422),
        ([{"op": "add", "path": "/list/x", "value": 1}], 422),
        ([{"op": "add", "path": "/a/b", "value": 1}], 422),
        ([{"op": "remove", "path": "a"}], 422),
        ([{"op": "add", "path": "/a", "value": 1}] * 10_001, 413),
    ],
)
def test_json_patch_failures(operations: Any, status: int) -> None:
    with pytest.raises(PatchError) as caught:
        json_patch({"a": 1, "list": [1]}, operations)
    assert caught.value.status == status


def _pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


@pytest.mark.parametrize(
    ("current", "patch", "wanted"),
    [
        ([{"name": "a", "image": "1"}], [{"name": "b"}], [{"name": "a", "image": "1"}, {"name": "b"}]),
        ([{"name": "a", "image": "1"}], [{"name": "a", "image": "2"}], [{"name": "a", "image": "2"}]),
        ([{"name": "a"}, {"name": "b"}], [{"name": "a", "$patch": "delete"}], [{"name": "b"}]),
        ([{"name": "a"}], [{"$patch": "replace"}, {"name": "z"}], [{"name": "z"}]),
        ([{"name": "a", "args": ["1", "2"]}], [{"name": "a", "args": ["3"]}], [{"name": "a", "args": ["3"]}]),
        ([{"name": "a", "image": "1"}], [{"name": "a", "image": None}], [{"name": "a"}]),
    ],
)
def test_strategic_merge_of_containers(current: Any, patch: Any, wanted: Any) -> None:
    assert (
        strategic_merge_patch(_pod(containers=current), {"spec": {"containers": patch}}, "Pod")["spec"]["containers"]
        == wanted
    )


def test_strategic_order_and_retained_keys() -> None:
    pod = _pod(volumes=[{"name": "a", "emptyDir": {}}, {"name": "b"}])
    patch = {
        "spec": {
            "$setElementOrder/volumes": [{"name": "b"}, {"name": "a"}],
            "volumes": [{"name": "a", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}],
        }
    }
    volumes = strategic_merge_patch(pod, patch, "Pod")["spec"]["volumes"]
    assert volumes == [{"name": "b"}, {"name": "a", "secret": {"secretName": "s"}}]


@pytest.mark.parametrize("patch", [{"$patch": "bogus"}, {"spec": {"containers": [{"image": "x"}]}}])
def test_strategic_failures(patch: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        strategic_merge_patch(_pod(containers=[]), patch, "Pod")
