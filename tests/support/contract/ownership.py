"""Server-side apply and managedFields."""

from __future__ import annotations

from typing import Any

from tests.support.contract.api import APPLY, MERGE, SECRETS, Api, widget_body
from tests.support.contract.widget import WIDGETS


def _apply(api: Api, path: str, body: dict[str, Any], manager: str, **query: str) -> Any:
    return api.ok("PATCH", path, body, content_type=APPLY, fieldManager=manager, **query)


def _secret(data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", **metadata}}
    return body if data is None else {**body, "data": data}


def _fields(obj: Any) -> dict[tuple[str, str, str], Any]:
    entries = obj["metadata"].get("managedFields", [])
    return {(e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"] for e in entries}


def check_create_is_tracked(api: Api) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u1"}
    metadata = {"labels": {"a": "b"}, "annotations": {"x": "y"}, "ownerReferences": [owner]}
    secret = api.secret("s", data={"k": "dg=="}, metadata=metadata)
    (entry,) = secret["metadata"]["managedFields"]
    assert {k: v for k, v in entry.items() if k not in ("time", "fieldsV1")} == {
        "manager": "creator",
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
    }
    assert entry["fieldsV1"] == {
        "f:data": {".": {}, "f:k": {}},
        "f:metadata": {
            "f:annotations": {".": {}, "f:x": {}},
            "f:labels": {".": {}, "f:a": {}},
            "f:ownerReferences": {".": {}, 'k:{"uid":"u1"}': {}},
        },
        "f:type": {},
    }


def check_create_of_custom_resource_is_tracked(api: Api) -> None:
    spec = {
        "req": "x",
        "map": [{"name": "a", "value": 1}],
        "set": ["s"],
        "dict": {"q": "1"},
        "list": ["z"],
        "atom": {"a": "1"},
    }
    widget = api.widget("w", spec, labels={"a": "b"})
    fields = _fields(widget)[("creator", "Update", "")]
    assert fields["f:metadata"] == {"f:labels": {".": {}, "f:a": {}}}
    assert fields["f:spec"] == {
        ".": {},
        "f:atom": {},
        "f:def": {},
        "f:dict": {".": {}, "f:q": {}},
        "f:list": {},
        "f:map": {".": {}, 'k:{"name":"a"}': {".": {}, "f:def": {}, "f:name": {}, "f:value": {}}},
        "f:nested": {".": {}, "f:a": {}},
        "f:null": {},
        "f:req": {},
        "f:set": {".": {}, 'v:"s"': {}},
    }


def check_status_is_tracked_apart(api: Api) -> None:
    api.widget("w")
    patch = {"status": {"phase": "p"}}
    widget = api.ok("PATCH", f"{WIDGETS}/w/status", patch, content_type=MERGE, fieldManager="operator")
    assert _fields(widget)[("operator", "Update", "status")] == {"f:status": {".": {}, "f:phase": {}}}


def check_update_takes_fields_over(api: Api) -> None:
    api.secret("s", data={"a": "MQ==", "b": "MQ=="})
    patch = {"data": {"b": "Mg==", "c": "Mg=="}}
    secret = api.ok("PATCH", f"{SECRETS}/s", patch, content_type=MERGE, fieldManager="other")
    fields = _fields(secret)
    assert fields[("creator", "Update", "")]["f:data"] == {".": {}, "f:a": {}}
    assert fields[("other", "Update", "")]["f:data"] == {"f:b": {}, "f:c": {}}


def check_removal_ends_ownership(api: Api) -> None:
    api.secret("s", data={"a": "MQ==", "b": "MQ=="})
    secret = api.ok("PATCH", f"{SECRETS}/s", {"data": {"a": None}}, content_type=MERGE, fieldManager="other")
    assert _fields(secret)[("creator", "Update", "")]["f:data"] == {".": {}, "f:b": {}}
    assert ("other", "Update", "") not in _fields(secret)


def check_reset_of_tracking(api: Api) -> None:
    api.secret("s", data={"a": "MQ=="})
    patch = {"metadata": {"managedFields": [{}]}}
    secret = api.ok("PATCH", f"{SECRETS}/s", patch, content_type=MERGE)
    assert not secret["metadata"].get("managedFields")


def check_apply_creates(api: Api) -> None:
    answer = api(
        "PATCH", f"{SECRETS}/s", _secret({"k": "dg=="}, labels={"a": "b"}), content_type=APPLY, fieldManager="m"
    )
    assert answer.status == 201
    assert _fields(answer.body) == {
        ("m", "Apply", ""): {"f:data": {"f:k": {}}, "f:metadata": {"f:labels": {"f:a": {}}}}
    }


def check_apply_creates_custom_resource(api: Api) -> None:
    spec = {"req": "x", "map": [{"name": "a"}], "set": ["t"], "dict": {"r": "1"}}
    widget = _apply(api, f"{WIDGETS}/w", widget_body("w", spec), "m")
    assert widget["spec"]["def"] == "d"
    assert _fields(widget)[("m", "Apply", "")] == {
        "f:spec": {
            "f:dict": {"f:r": {}},
            "f:map": {'k:{"name":"a"}': {".": {}, "f:name": {}}},
            "f:req": {},
            "f:set": {'v:"t"': {}},
        }
    }


def check_apply_is_idempotent(api: Api) -> None:
    first = _apply(api, f"{SECRETS}/s", _secret({"k": "dg=="}), "m")
    second = _apply(api, f"{SECRETS}/s", _secret({"k": "dg=="}), "m")
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def check_apply_drops_what_it_leaves_out(api: Api) -> None:
    path = f"{SECRETS}/s"
    _apply(api, path, _secret({"a": "MQ==", "b": "MQ=="}, labels={"x": "1"}), "m")
    secret = _apply(api, path, _secret({"a": "MQ=="}), "m")
    assert secret["data"] == {"a": "MQ=="}
    assert "labels" not in secret["metadata"]


def check_apply_keeps_what_others_own(api: Api) -> None:
    api.secret("s", data={"a": "MQ=="})
    path = f"{SECRETS}/s"
    _apply(api, path, _secret({"a": "MQ==", "b": "Mg=="}), "m")
    secret = _apply(api, path, _secret({}), "m")
    assert secret["data"] == {"a": "MQ=="}


def check_apply_conflict(api: Api) -> None:
    api.secret("s", data={"a": "MQ=="})
    answer = api.refused(
        409, "Conflict", "PATCH", f"{SECRETS}/s", _secret({"a": "Mg=="}), content_type=APPLY, fieldManager="m"
    )
    assert answer.message == 'Apply failed with 1 conflict: conflict with "creator" using v1: .data.a'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "creator" using v1', "field": ".data.a"}
    assert answer.body["details"]["causes"] == [cause]


def check_apply_conflict_between_appliers(api: Api) -> None:
    path = f"{SECRETS}/s"
    _apply(api, path, _secret({"a": "MQ=="}), "one")
    answer = api.refused(409, "Conflict", "PATCH", path, _secret({"a": "Mg=="}), content_type=APPLY, fieldManager="two")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .data.a'


def check_apply_several_conflicts(api: Api) -> None:
    api.secret("s", data={"a": "MQ==", "b": "MQ=="})
    body = _secret({"a": "Mg==", "b": "Mg=="})
    answer = api.refused(409, "Conflict", "PATCH", f"{SECRETS}/s", body, content_type=APPLY, fieldManager="m")
    assert answer.message == 'Apply failed with 2 conflicts: conflicts with "creator" using v1:\n- .data.a\n- .data.b'


def check_apply_force(api: Api) -> None:
    api.secret("s", data={"a": "MQ=="})
    secret = _apply(api, f"{SECRETS}/s", _secret({"a": "Mg=="}), "m", force="true")
    fields = _fields(secret)
    assert fields[("m", "Apply", "")] == {"f:data": {"f:a": {}}}
    assert fields[("creator", "Update", "")]["f:data"] == {}


def check_apply_same_value_is_shared(api: Api) -> None:
    path = f"{SECRETS}/s"
    _apply(api, path, _secret({"a": "MQ=="}), "one")
    secret = _apply(api, path, _secret({"a": "MQ=="}), "two")
    assert {("one", "Apply", ""), ("two", "Apply", "")} <= set(_fields(secret))
    secret = _apply(api, path, _secret(), "one")
    assert secret["data"] == {"a": "MQ=="}


def check_apply_merges_lists_by_key(api: Api) -> None:
    path = f"{WIDGETS}/w"
    _apply(api, path, widget_body("w", {"req": "x", "map": [{"name": "a", "value": 1}], "set": ["s"]}), "one")
    widget = _apply(api, path, widget_body("w", {"req": "x", "map": [{"name": "b", "value": 2}], "set": ["t"]}), "two")
    assert sorted(item["name"] for item in widget["spec"]["map"]) == ["a", "b"]
    assert sorted(widget["spec"]["set"]) == ["s", "t"]
    widget = _apply(api, path, widget_body("w", {"req": "x"}), "two")
    assert [item["name"] for item in widget["spec"]["map"]] == ["a"]
    assert widget["spec"]["set"] == ["s"]


def check_apply_to_atomic_parts(api: Api) -> None:
    path = f"{WIDGETS}/w"
    _apply(api, path, widget_body("w", {"req": "x", "list": ["a"], "atom": {"a": "1"}}), "one")
    body = widget_body("w", {"req": "x", "list": ["b"], "atom": {"b": "1"}})
    answer = api.refused(409, "Conflict", "PATCH", path, body, content_type=APPLY, fieldManager="two")
    assert sorted(field for field, _ in answer.causes) == [".spec.atom", ".spec.list"]
    widget = _apply(api, path, body, "two", force="true")
    assert (widget["spec"]["list"], widget["spec"]["atom"]) == (["b"], {"b": "1"})


def check_apply_map_item_conflict(api: Api) -> None:
    path = f"{WIDGETS}/w"
    _apply(api, path, widget_body("w", {"req": "x", "map": [{"name": "a", "value": 1}]}), "one")
    body = widget_body("w", {"req": "x", "map": [{"name": "a", "value": 2}]})
    answer = api.refused(409, "Conflict", "PATCH", path, body, content_type=APPLY, fieldManager="two")
    assert answer.causes == [('.spec.map[name="a"].value', 'conflict with "one"')]


def check_apply_status(api: Api) -> None:
    api.widget("w")
    conditions = [{"type": "Ready", "status": "True"}]
    body = {**widget_body("w"), "status": {"phase": "p", "conditions": conditions}}
    widget = _apply(api, f"{WIDGETS}/w/status", body, "operator")
    assert widget["status"]["conditions"] == conditions
    assert _fields(widget)[("operator", "Apply", "status")] == {
        "f:status": {"f:conditions": {'k:{"type":"Ready"}': {".": {}, "f:status": {}, "f:type": {}}}, "f:phase": {}}
    }


def check_apply_needs_manager(api: Api) -> None:
    answer = api.refused(422, "Invalid", "PATCH", f"{SECRETS}/s", _secret(), content_type=APPLY)
    assert answer.causes == [("fieldManager", "Required value: is required for apply patch")]


def check_apply_refuses_managed_fields(api: Api) -> None:
    body = _secret(managedFields=[{"manager": "x"}])
    answer = api.refused(400, "BadRequest", "PATCH", f"{SECRETS}/s", body, content_type=APPLY, fieldManager="m")
    assert answer.message == "metadata.managedFields must be nil"


def check_apply_other_name(api: Api) -> None:
    body = {**_secret(), "metadata": {"name": "t"}}
    answer = api("PATCH", f"{SECRETS}/s", body, content_type=APPLY, fieldManager="m")
    assert (answer.status, answer.reason) == (400, "BadRequest")


def check_apply_undeclared_field(api: Api) -> None:
    body = widget_body("w", {"req": "x", "bogus": 1})
    answer = api("PATCH", f"{WIDGETS}/w", body, content_type=APPLY, fieldManager="m")
    assert answer.status == 500
    assert ".spec.bogus: field not declared in schema" in answer.message


def check_apply_is_validated(api: Api) -> None:
    answer = api(
        "PATCH", f"{WIDGETS}/w", widget_body("w", {"req": "x", "choice": "C"}), content_type=APPLY, fieldManager="m"
    )
    assert (answer.status, answer.reason) == (422, "Invalid")


def check_apply_dry_run(api: Api) -> None:
    _apply(api, f"{SECRETS}/s", _secret({"a": "MQ=="}), "m", dryRun="All")
    api.refused(404, "NotFound", "GET", f"{SECRETS}/s")


def check_entries_are_ordered(api: Api) -> None:
    api.secret("s", data={"a": "MQ=="})
    secret = _apply(api, f"{SECRETS}/s", _secret({"b": "MQ=="}), "z")
    operations = [entry["operation"] for entry in secret["metadata"]["managedFields"]]
    assert operations == ["Apply", "Update"]
