"""The patch formats: merge, JSON, strategic."""

from __future__ import annotations

from typing import Any

from tests.support.contract.api import CONFIG_MAPS, JSON_PATCH, MERGE, SECRETS, STRATEGIC, Api, Case
from tests.support.contract.widget import WIDGETS

_PODS = "/api/v1/namespaces/{ns}/pods"


def _config(api: Api, **data: str) -> str:
    api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "c", "labels": {"l": "1"}}, "data": data})
    return f"{CONFIG_MAPS}/c"


_MERGES: list[tuple[str, dict[str, Any], dict[str, str] | None]] = [
    ("adds", {"data": {"c": "3"}}, {"a": "1", "b": "2", "c": "3"}),
    ("replaces", {"data": {"a": "9"}}, {"a": "9", "b": "2"}),
    ("removes", {"data": {"a": None}}, {"b": "2"}),
    ("removes-all", {"data": None}, None),
    ("changes-nothing", {}, {"a": "1", "b": "2"}),
]
_OPERATIONS: list[tuple[str, list[dict[str, Any]], dict[str, str]]] = [
    ("add", [{"op": "add", "path": "/data/c", "value": "3"}], {"a": "1", "b": "2", "c": "3"}),
    ("replace", [{"op": "replace", "path": "/data/a", "value": "9"}], {"a": "9", "b": "2"}),
    ("replace-adds", [{"op": "replace", "path": "/data/c", "value": "3"}], {"a": "1", "b": "2", "c": "3"}),
    ("remove", [{"op": "remove", "path": "/data/a"}], {"b": "2"}),
    ("copy", [{"op": "copy", "from": "/data/a", "path": "/data/c"}], {"a": "1", "b": "2", "c": "1"}),
    ("move", [{"op": "move", "from": "/data/a", "path": "/data/c"}], {"b": "2", "c": "1"}),
    ("test", [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/b"}], {"a": "1"}),
]
_FAILURES: list[tuple[str, Any, int]] = [
    ("test-fails", [{"op": "test", "path": "/data/a", "value": "2"}], 422),
    ("remove-missing", [{"op": "remove", "path": "/data/zz"}], 422),
    ("replace-missing-parent", [{"op": "replace", "path": "/none/zz", "value": "1"}], 422),
    ("path-missing", [{"op": "add", "path": "/none/zz", "value": "1"}], 422),
    ("no-list", {"op": "add"}, 400),
]


def _merge(patch: dict[str, Any], wanted: dict[str, str] | None, content_type: str) -> Any:
    def check(api: Api) -> None:
        path = _config(api, a="1", b="2")
        assert api.ok("PATCH", path, patch, content_type=content_type).get("data") == wanted

    return check


def _operate(operations: list[dict[str, Any]], wanted: dict[str, str]) -> Any:
    def check(api: Api) -> None:
        path = _config(api, a="1", b="2")
        assert api.ok("PATCH", path, operations, content_type=JSON_PATCH)["data"] == wanted

    return check


def _fail(patch: Any, status: int) -> Any:
    def check(api: Api) -> None:
        path = _config(api, a="1", b="2")
        answer = api("PATCH", path, patch, content_type=JSON_PATCH)
        assert answer.status == status, answer.body
        assert api.ok("GET", path)["data"] == {"a": "1", "b": "2"}

    return check


TABLE = [Case(f"merge-{name}", _merge(patch, wanted, MERGE)) for name, patch, wanted in _MERGES]
TABLE += [Case(f"strategic-{name}", _merge(patch, wanted, STRATEGIC)) for name, patch, wanted in _MERGES]
TABLE += [Case(f"json-{name}", _operate(operations, wanted)) for name, operations, wanted in _OPERATIONS]
TABLE += [Case(f"json-{name}", _fail(patch, status)) for name, patch, status in _FAILURES]


def check_merge_with_version(api: Api) -> None:
    path = _config(api, a="1")
    stale = api.ok("GET", path)["metadata"]["resourceVersion"]
    api.ok("PATCH", path, {"data": {"b": "2"}}, content_type=MERGE)
    patch = {"metadata": {"resourceVersion": stale}, "data": {"c": "3"}}
    api.refused(409, "Conflict", "PATCH", path, patch, content_type=MERGE)


def check_no_change_keeps_version(api: Api) -> None:
    path = _config(api, a="1")
    before = api.ok("GET", path)["metadata"]["resourceVersion"]
    after = api.ok("PATCH", path, {"data": {"a": "1"}}, content_type=MERGE)["metadata"]["resourceVersion"]
    assert before == after


def check_json_escapes(api: Api) -> None:
    path = _config(api, a="1")
    operations = [{"op": "add", "path": "/metadata/labels/example.com~1x", "value": "y"}]
    stored = api.ok("PATCH", path, operations, content_type=JSON_PATCH)
    assert stored["metadata"]["labels"] == {"l": "1", "example.com/x": "y"}


def check_patch_missing(api: Api) -> None:
    api.refused(404, "NotFound", "PATCH", f"{SECRETS}/none", {}, content_type=MERGE)


def check_patch_name(api: Api) -> None:
    path = _config(api, a="1")
    answer = api("PATCH", path, {"metadata": {"name": "d"}}, content_type=MERGE)
    assert answer.status in (400, 422)


def check_patch_media_type(api: Api) -> None:
    path = _config(api, a="1")
    answer = api("PATCH", path, {"data": {}}, content_type="application/json")
    assert answer.status == 415


def check_merge_replaces_lists(api: Api) -> None:
    api.widget("w", {"req": "x", "map": [{"name": "a", "value": 1}, {"name": "b", "value": 2}]})
    patch = {"spec": {"map": [{"name": "c"}]}}
    stored = api.ok("PATCH", f"{WIDGETS}/w", patch, content_type=MERGE)
    assert stored["spec"]["map"] == [{"name": "c", "def": "d"}]


def check_strategic_is_not_for_custom_resources(api: Api) -> None:
    api.widget("w")
    answer = api("PATCH", f"{WIDGETS}/w", {"spec": {"req": "y"}}, content_type=STRATEGIC)
    assert answer.status == 415


def _pod(api: Api) -> str:
    containers = [{"name": "a", "image": "i:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "i:1"}]
    body = {"metadata": {"name": "p", "finalizers": ["example.com/a"]}, "spec": {"containers": containers}}
    api.ok("POST", _PODS, body)
    return f"{_PODS}/p"


def check_strategic_merges_by_key(api: Api) -> None:
    patch = {"spec": {"containers": [{"name": "b", "image": "i:2"}]}}
    pod = api.ok("PATCH", _pod(api), patch, content_type=STRATEGIC)
    assert [(c["name"], c["image"]) for c in pod["spec"]["containers"]] == [("a", "i:1"), ("b", "i:2")]
    api.ok("PATCH", f"{_PODS}/p", {"metadata": {"finalizers": None}}, content_type=MERGE)


def check_strategic_merges_sets(api: Api) -> None:
    path = _pod(api)
    pod = api.ok("PATCH", path, {"metadata": {"finalizers": ["example.com/b"]}}, content_type=STRATEGIC)
    assert sorted(pod["metadata"]["finalizers"]) == ["example.com/a", "example.com/b"]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}
    pod = api.ok("PATCH", path, patch, content_type=STRATEGIC)
    assert pod["metadata"]["finalizers"] == ["example.com/b"]
    api.ok("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE)


def _reference(api: Api, name: str) -> dict[str, Any]:
    uid = api.ok("POST", CONFIG_MAPS, {"metadata": {"name": name}})["metadata"]["uid"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}


def check_strategic_directives(api: Api) -> None:
    path = _config(api, a="1", b="2")
    stored = api.ok("PATCH", path, {"data": {"$patch": "replace", "z": "1"}}, content_type=STRATEGIC)
    assert stored["data"] == {"z": "1"}
    owner, other = _reference(api, "x"), _reference(api, "y")
    api.ok("PATCH", path, {"metadata": {"ownerReferences": [owner]}}, content_type=STRATEGIC)
    stored = api.ok("PATCH", path, {"metadata": {"ownerReferences": [other]}}, content_type=STRATEGIC)
    assert sorted(ref["name"] for ref in stored["metadata"]["ownerReferences"]) == ["x", "y"]
    gone = {"metadata": {"ownerReferences": [{"$patch": "delete", "uid": owner["uid"]}]}}
    stored = api.ok("PATCH", path, gone, content_type=STRATEGIC)
    assert [ref["name"] for ref in stored["metadata"]["ownerReferences"]] == ["y"]
