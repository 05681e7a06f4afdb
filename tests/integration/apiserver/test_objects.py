"""Create, read, update, delete: what is answered and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.testing.eventually import eventually
from tests.integration.apiserver.conftest import SECRETS, Api, Widgets


async def test_create_fills_identity_and_defaults(api: Api) -> None:
    made = await api.ok("POST", SECRETS, {"metadata": {"name": "a"}, "stringData": {"k": "v"}}, fieldManager="me")
    assert made["kind"] == "Secret"
    assert made["type"] == "Opaque"
    assert made["data"] == {"k": "dg=="}
    assert "stringData" not in made
    metadata = made["metadata"]
    assert metadata["namespace"] == api.ns
    assert metadata["uid"] and metadata["creationTimestamp"] and metadata["resourceVersion"]
    assert "generation" not in metadata
    fields = {"f:data": {".": {}, "f:k": {}}, "f:type": {}}
    managed = metadata["managedFields"]
    assert [(entry["manager"], entry["operation"], entry["fieldsV1"]) for entry in managed] == [
        ("me", "Update", fields)
    ]


async def test_generate_name(api: Api) -> None:
    made = await api.ok("POST", SECRETS, {"metadata": {"generateName": "x-"}})
    assert made["metadata"]["name"].startswith("x-")
    assert len(made["metadata"]["name"]) == 7


FAILURES: list[tuple[str, str, str, Any, dict[str, str], int, str, str]] = [
    ("missing", "GET", "/x", None, {}, 404, "NotFound", 'secrets "x" not found'),
    ("exists", "POST", "", {"metadata": {"name": "a"}}, {}, 409, "AlreadyExists", 'secrets "a" already exists'),
    ("no name", "POST", "", {"metadata": {}}, {}, 422, "Invalid",
     'Secret "" is invalid: metadata.name: Required value: name or generateName is required'),
    ("bad name", "POST", "", {"metadata": {"name": "A_B"}}, {}, 422, "Invalid",
     'Secret "A_B" is invalid: metadata.name: Invalid value: "A_B": a lowercase RFC 1123 subdomain must consist of lower '
     "case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
     "'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"),
    ("other namespace", "POST", "", {"metadata": {"name": "b", "namespace": "elsewhere"}}, {}, 400, "BadRequest",
     "the namespace of the provided object does not match the namespace sent on the request"),
    ("other name", "PUT", "/a", {"metadata": {"name": "b"}}, {}, 400, "BadRequest",
     "the name of the object (b) does not match the name on the URL (a)"),
    ("stale", "PUT", "/a", {"metadata": {"name": "a", "resourceVersion": "1"}}, {}, 409, "Conflict",
     'Operation cannot be fulfilled on secrets "a": the object has been modified; please apply your changes to the '
     "latest version and try again"),
    ("update missing", "PUT", "/x", {"metadata": {"name": "x"}}, {}, 404, "NotFound", 'secrets "x" not found'),
    ("delete missing", "DELETE", "/x", None, {}, 404, "NotFound", 'secrets "x" not found'),
    ("no such subresource", "GET", "/a/nope", None, {}, 404, "NotFound", "the server could not find the requested resource"),
    ("collection update", "PUT", "", {}, {}, 405, "MethodNotAllowed",
     "the server does not allow this method on the requested resource"),
    ("field selector", "GET", "", None, {"fieldSelector": "foo=bar"}, 400, "BadRequest", "field label not supported: foo"),
    ("label selector", "GET", "", None, {"labelSelector": "a in b"}, 400, "BadRequest",
     "unable to parse requirement: found 'b' expected: '('"),
    ("unknown field", "POST", "", {"metadata": {"name": "s", "x": 1}, "foo": 1}, {"fieldValidation": "Strict"}, 400,
     "BadRequest", 'Secret in version "v1" cannot be handled as a Secret: strict decoding error: unknown field '
     '"metadata.x", unknown field "foo"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "method", "tail", "body", "query", "code", "reason", "message"), FAILURES, ids=[row[0] for row in FAILURES]
)
async def test_failures(
    api: Api, case: str, method: str, tail: str, body: Any, query: dict[str, str], code: int, reason: str, message: str
) -> None:
    await api.secret("a")
    status, answer = await api(method, SECRETS + tail, body, **query)
    assert (status, answer["reason"], answer["message"]) == (code, reason, message)
    assert answer["code"] == code
    assert answer["status"] == "Failure"


async def test_create_in_a_namespace_that_is_not_there(api: Api) -> None:
    status, answer = await api("POST", "/api/v1/namespaces/nowhere/secrets", {"metadata": {"name": "a"}})
    assert (status, answer["message"]) == (404, 'namespaces "nowhere" not found')


async def test_update_without_change_keeps_the_version(api: Api) -> None:
    made = await api.secret("a", data={"k": "dg=="})
    again = await api.ok("PUT", SECRETS + "/a", made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    changed = await api.ok("PUT", SECRETS + "/a", {**made, "data": {"k": "dw=="}})
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]


async def test_update_of_another_incarnation(api: Api) -> None:
    made = await api.secret("a")
    metadata = {"name": "a", "uid": "11111111-2222-3333-4444-555555555555"}
    status, answer = await api("PUT", SECRETS + "/a", {"metadata": metadata})
    assert (status, answer["reason"]) == (409, "Conflict")
    assert f"UID in object meta: {made['metadata']['uid']}" in answer["message"]


async def test_delete_answers_a_status(api: Api) -> None:
    made = await api.secret("a")
    answer = await api.ok("DELETE", SECRETS + "/a")
    assert answer["status"] == "Success"
    assert answer["details"] == {"name": "a", "kind": "secrets", "uid": made["metadata"]["uid"]}


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_delete_preconditions(api: Api, field: str) -> None:
    made = await api.secret("a")
    status, answer = await api("DELETE", SECRETS + "/a", {"preconditions": {field: "1"}})
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["message"].startswith('Operation cannot be fulfilled on Secret "a": the ')
    await api.ok("DELETE", SECRETS + "/a", {"preconditions": {field: made["metadata"][field]}})


async def test_delete_collection_by_label(api: Api) -> None:
    for name, color in (("a", "red"), ("b", "green"), ("c", "red")):
        await api.secret(name, metadata={"labels": {"color": color}})
    await api.ok("DELETE", SECRETS, labelSelector="color=red")
    left = await api.ok("GET", SECRETS)
    assert [item["metadata"]["name"] for item in left["items"]] == ["b"]


async def test_dry_run_stores_nothing(api: Api) -> None:
    made = await api.ok("POST", SECRETS, {"metadata": {"name": "a"}}, dryRun="All")
    assert made["metadata"]["uid"] and "resourceVersion" not in made["metadata"]
    assert (await api("GET", SECRETS + "/a"))[0] == 404
    await api.secret("a")
    await api.ok("DELETE", SECRETS + "/a", {"dryRun": ["All"]})
    assert (await api("GET", SECRETS + "/a"))[0] == 200


async def test_immutable_secret(api: Api) -> None:
    made = await api.secret("a", data={"k": "dg=="}, immutable=True)
    status, answer = await api("PUT", SECRETS + "/a", {**made, "data": {"k": "dw=="}})
    assert (status, answer["message"]) == (
        422,
        'Secret "a" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    )


async def test_generation_counts_changes_of_the_spec_only(widgets: Widgets) -> None:
    api = widgets.api
    made = await widgets.create("w")
    assert made["metadata"]["generation"] == 1
    labelled = await api.ok(
        "PUT", widgets.path + "/w", {**made, "metadata": {**made["metadata"], "labels": {"a": "b"}}}
    )
    assert labelled["metadata"]["generation"] == 1
    changed = await api.ok("PUT", widgets.path + "/w", {**labelled, "spec": {"color": "green"}, "status": {"x": 1}})
    assert changed["metadata"]["generation"] == 2
    assert "status" not in changed
    with_status = await api.ok(
        "PUT", widgets.path + "/w/status", {**changed, "spec": {"color": "red"}, "status": {"x": 1}}
    )
    assert with_status["metadata"]["generation"] == 2
    assert with_status["spec"]["color"] == "green"
    assert with_status["status"] == {"x": 1}


async def test_custom_resource_update_needs_a_version(widgets: Widgets) -> None:
    await widgets.create("w")
    status, answer = await widgets.api("PUT", widgets.path + "/w", widgets.body("w"))
    assert (status, answer["message"]) == (
        422,
        f'widgets.{widgets.group} "w" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    )


async def test_lease_update_needs_a_version(api: Api) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"
    await api.ok("POST", path, {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})
    status, answer = await api("PUT", path + "/l", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "b"}})
    assert status == 422
    assert answer["message"].startswith('leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: ')


@pytest.mark.parametrize("plural", ["services", "serviceaccounts", "resourcequotas"])
async def test_kinds_that_answer_a_deletion_with_the_object(api: Api, plural: str) -> None:
    path = f"/api/v1/namespaces/{{ns}}/{plural}"
    await api.ok(
        "POST", path, {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]} if plural == "services" else {}}
    )
    assert (await api.ok("DELETE", path + "/a"))["metadata"]["name"] == "a"


@pytest.mark.filterwarnings("ignore:Sending a large body directly")
async def test_large_objects(api: Api) -> None:
    text = "x" * 700_000
    config = "/api/v1/namespaces/{ns}/configmaps"
    status, answer = await api("POST", config, {"metadata": {"name": "a"}, "data": {"a": text, "b": text}})
    assert (status, answer["reason"]) == (422, "Invalid")
    assert (await api("POST", config, {"metadata": {"name": "a"}, "data": {"a": text}}))[0] == 201


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/merge-patch+json", {"data": {"b": "Yg=="}}),
        ("application/strategic-merge-patch+json", {"data": {"b": "Yg=="}}),
        ("application/json-patch+json", [{"op": "add", "path": "/data/b", "value": "Yg=="}]),
    ],
)
async def test_patch_formats(api: Api, content_type: str, patch: Any) -> None:
    await api.secret("a", data={"a": "YQ=="})
    patched = await api.ok("PATCH", SECRETS + "/a", patch, content_type=content_type)
    assert patched["data"] == {"a": "YQ==", "b": "Yg=="}


async def test_patch_failures(api: Api, widgets: Widgets) -> None:
    await api.secret("a")
    await widgets.create("w")
    merge = "application/merge-patch+json"
    stale = {"metadata": {"resourceVersion": "1"}}
    assert (await api("PATCH", SECRETS + "/a", stale, content_type=merge))[1]["reason"] == "Conflict"
    assert (await api("PATCH", SECRETS + "/x", {}, content_type=merge))[0] == 404
    assert (await api("PATCH", SECRETS + "/a", {}, content_type="application/other"))[0] == 415
    strategic = "application/strategic-merge-patch+json"
    assert (await api("PATCH", widgets.path + "/w", {}, content_type=strategic))[0] == 415
    test = [{"op": "test", "path": "/type", "value": "x"}]
    assert (await api("PATCH", SECRETS + "/a", test, content_type="application/json-patch+json"))[0] == 422


async def test_server_side_apply_creates_conflicts_and_forces(api: Api) -> None:
    apply = "application/apply-patch+yaml"

    def config(value: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": value}}

    status, made = await api("PATCH", SECRETS + "/a", config("dg=="), content_type=apply, fieldManager="one")
    assert status == 201
    again = await api.ok("PATCH", SECRETS + "/a", config("dg=="), content_type=apply, fieldManager="one")
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    status, answer = await api("PATCH", SECRETS + "/a", config("dw=="), content_type=apply, fieldManager="two")
    assert (status, answer["message"]) == (409, 'Apply failed with 1 conflict: conflict with "one": .data.k')
    forced = await api.ok("PATCH", SECRETS + "/a", config("dw=="), content_type=apply, fieldManager="two", force="true")
    assert forced["data"] == {"k": "dw=="}
    assert (await api("PATCH", SECRETS + "/a", config("dw=="), content_type=apply))[0] == 422


async def test_apply_of_a_field_that_the_kind_does_not_have(api: Api) -> None:
    config = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "foo": 1}
    status, answer = await api(
        "PATCH", SECRETS + "/a", config, content_type="application/apply-patch+yaml", fieldManager="m"
    )
    assert (status, answer["message"]) == (
        500,
        "failed to create typed patch object (/a; /v1, Kind=Secret): .foo: field not declared in schema",
    )
    assert "reason" not in answer


async def test_webhook_that_cannot_be_reached(api: Api) -> None:
    webhook = {
        "name": "w.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/x"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": api.ns}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["CREATE"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    await api.ok("POST", path, {"metadata": {"name": api.ns}, "webhooks": [webhook]})
    try:

        async def refused() -> Any:
            status, answer = await api("POST", SECRETS, {"metadata": {"generateName": "s-"}})
            return answer if status == 500 else None

        # A real server notices a new configuration a moment later.
        answer = await eventually(refused, timeout=15)
        assert answer["reason"] == "InternalError"
        assert answer["message"].startswith('Internal error occurred: failed calling webhook "w.example.com": ')
    finally:
        await api.ok("DELETE", f"{path}/{api.ns}")
