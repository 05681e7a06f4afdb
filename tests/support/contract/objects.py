"""Create, read, replace, delete: versions, conflicts, names, built-in validation."""

from __future__ import annotations

import base64
import re
from typing import Any

from tests.support.contract.api import CONFIG_MAPS, MERGE, SECRETS, Api, Case, widget_body
from tests.support.contract.widget import WIDGETS


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def check_create_fills_metadata(api: Api) -> None:
    metadata = api.secret("s")["metadata"]
    assert metadata["name"] == "s"
    assert metadata["namespace"] == api.ns
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert metadata["resourceVersion"].isdigit()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert "generation" not in metadata


def check_create_ignores_system_fields(api: Api) -> None:
    body = {"metadata": {"name": "s", "uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 9}}
    metadata = api.ok("POST", SECRETS, body)["metadata"]
    assert metadata["uid"] != "mine"
    assert not metadata["creationTimestamp"].startswith("2001")


def check_create_with_resource_version(api: Api) -> None:
    answer = api("POST", SECRETS, {"metadata": {"name": "s", "resourceVersion": "5"}})
    assert answer.status in (400, 500)
    assert "resourceVersion should not be set on objects to be created" in answer.message


def check_create_twice(api: Api) -> None:
    api.secret("s")
    answer = api.refused(409, "AlreadyExists", "POST", SECRETS, {"metadata": {"name": "s"}})
    assert answer.message == 'secrets "s" already exists'
    assert answer.body["details"] == {"name": "s", "kind": "secrets"}


def check_create_in_missing_namespace(api: Api) -> None:
    answer = api.refused(404, "NotFound", "POST", "/api/v1/namespaces/none-such/secrets", {"metadata": {"name": "s"}})
    assert answer.message == 'namespaces "none-such" not found'


def check_create_in_other_namespace(api: Api) -> None:
    api.refused(400, "BadRequest", "POST", SECRETS, {"metadata": {"name": "s", "namespace": "default"}})


def check_create_other_kind(api: Api) -> None:
    api.refused(
        400, "BadRequest", "POST", SECRETS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}}
    )


def check_create_no_json(api: Api) -> None:
    api.refused(400, "BadRequest", "POST", SECRETS, b"{")


def check_create_unknown_media_type(api: Api) -> None:
    answer = api("POST", SECRETS, b"x", content_type="text/plain")
    assert answer.status == 415


def check_create_yaml(api: Api) -> None:
    text = b"metadata:\n  name: s\nstringData:\n  k: v\n"
    assert api.ok("POST", SECRETS, text, content_type="application/yaml")["data"] == {"k": _b64("v")}


def check_create_dry_run(api: Api) -> None:
    assert api.ok("POST", SECRETS, {"metadata": {"name": "s"}}, dryRun="All")["metadata"]["uid"]
    api.refused(404, "NotFound", "GET", f"{SECRETS}/s")


def check_generate_name(api: Api) -> None:
    metadata = api.ok("POST", SECRETS, {"metadata": {"generateName": "pre-"}})["metadata"]
    assert re.fullmatch(r"pre-[a-z0-9]{5}", metadata["name"])
    assert metadata["generateName"] == "pre-"


def check_read_missing(api: Api) -> None:
    answer = api.refused(404, "NotFound", "GET", f"{SECRETS}/none")
    assert answer.message == 'secrets "none" not found'


def check_read_missing_custom_resource(api: Api) -> None:
    answer = api.refused(404, "NotFound", "GET", f"{WIDGETS}/none")
    assert answer.message == 'widgets.contract.example.com "none" not found'
    assert answer.body["details"] == {"name": "none", "group": "contract.example.com", "kind": "widgets"}


def check_unknown_resource(api: Api) -> None:
    assert api("GET", "/api/v1/namespaces/{ns}/gizmos").status == 404


def check_unknown_group(api: Api) -> None:
    assert api("GET", "/apis/none.example.com/v1/things").status == 404


def check_method_not_allowed(api: Api) -> None:
    assert api("POST", f"{SECRETS}/x", {"metadata": {"name": "x"}}).status == 405


def check_replace(api: Api) -> None:
    secret = api.secret("s", stringData={"a": "1"})
    secret["data"] = {"b": _b64("2")}
    replaced = api.ok("PUT", f"{SECRETS}/s", secret)
    assert replaced["data"] == {"b": _b64("2")}
    assert int(replaced["metadata"]["resourceVersion"]) > int(secret["metadata"]["resourceVersion"])
    assert replaced["metadata"]["uid"] == secret["metadata"]["uid"]


def check_replace_without_change_keeps_version(api: Api) -> None:
    secret = api.secret("s", stringData={"a": "1"})
    assert api.ok("PUT", f"{SECRETS}/s", secret)["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]


def check_replace_stale(api: Api) -> None:
    secret = api.secret("s")
    api.ok("PATCH", f"{SECRETS}/s", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    answer = api.refused(409, "Conflict", "PUT", f"{SECRETS}/s", {**secret, "data": {"k": _b64("v")}})
    assert answer.message == (
        'Operation cannot be fulfilled on secrets "s": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def check_replace_with_other_uid(api: Api) -> None:
    secret = api.secret("s")
    secret["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    secret["data"] = {"k": _b64("v")}
    answer = api.refused(409, "Conflict", "PUT", f"{SECRETS}/s", secret)
    assert "Precondition failed: UID in precondition" in answer.message


def check_replace_without_version(api: Api) -> None:
    api.secret("s")
    assert api.ok("PUT", f"{SECRETS}/s", {"metadata": {"name": "s"}, "data": {"k": _b64("v")}})["data"] == {
        "k": _b64("v")
    }


def check_replace_custom_resource_without_version(api: Api) -> None:
    api.widget("w")
    answer = api.refused(422, "Invalid", "PUT", f"{WIDGETS}/w", widget_body("w"))
    assert ("metadata.resourceVersion", "Invalid value: 0: must be specified for an update") in answer.causes


def check_replace_missing(api: Api) -> None:
    api.refused(404, "NotFound", "PUT", f"{SECRETS}/s", {"metadata": {"name": "s"}})


def check_replace_other_name(api: Api) -> None:
    api.secret("s")
    answer = api.refused(400, "BadRequest", "PUT", f"{SECRETS}/s", {"metadata": {"name": "t"}})
    assert answer.message == "the name of the object (t) does not match the name on the URL (s)"


def check_generation_counts_spec_changes(api: Api) -> None:
    assert api.widget("w")["metadata"]["generation"] == 1
    path = f"{WIDGETS}/w"
    labelled = api.ok("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    assert labelled["metadata"]["generation"] == 1
    assert api.ok("PATCH", path, {"spec": {"req": "y"}}, content_type=MERGE)["metadata"]["generation"] == 2
    status = api.ok("PATCH", f"{path}/status", {"status": {"phase": "p"}}, content_type=MERGE)
    assert status["metadata"]["generation"] == 2


def check_status_only_by_its_subresource(api: Api) -> None:
    body = {**widget_body("w"), "status": {"phase": "no"}}
    assert "status" not in api.ok("POST", WIDGETS, body)
    path = f"{WIDGETS}/w"
    assert "status" not in api.ok("PATCH", path, {"status": {"phase": "no"}}, content_type=MERGE)
    patch = {"status": {"phase": "yes"}, "spec": {"req": "changed"}}
    stored = api.ok("PATCH", f"{path}/status", patch, content_type=MERGE)
    assert (stored["status"], stored["spec"]["req"]) == ({"phase": "yes"}, "x")


def check_delete(api: Api) -> None:
    secret = api.secret("s")
    answer = api.ok("DELETE", f"{SECRETS}/s")
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {"name": "s", "kind": "secrets", "uid": secret["metadata"]["uid"]}
    api.refused(404, "NotFound", "DELETE", f"{SECRETS}/s")


def check_delete_with_precondition(api: Api) -> None:
    secret = api.secret("s")
    api.refused(409, "Conflict", "DELETE", f"{SECRETS}/s", {"preconditions": {"uid": "other"}})
    api.refused(409, "Conflict", "DELETE", f"{SECRETS}/s", {"preconditions": {"resourceVersion": "1"}})
    api.ok("DELETE", f"{SECRETS}/s", {"preconditions": {"uid": secret["metadata"]["uid"]}})


def check_delete_collection(api: Api) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        api.secret(name, metadata={"labels": {"l": label}})
    api.ok("DELETE", SECRETS, labelSelector="l=x")
    assert [item["metadata"]["name"] for item in api.ok("GET", SECRETS)["items"]] == ["c"]


def check_string_data_becomes_data(api: Api) -> None:
    secret = api.secret("s", data={"a": _b64("1"), "b": _b64("2")}, stringData={"b": "3"})
    assert secret["data"] == {"a": _b64("1"), "b": _b64("3")}
    assert "stringData" not in secret
    assert secret["type"] == "Opaque"


def check_secret_type_is_immutable(api: Api) -> None:
    secret = api.secret("s")
    answer = api.refused(422, "Invalid", "PUT", f"{SECRETS}/s", {**secret, "type": "other"})
    assert answer.causes == [("type", 'Invalid value: "other": field is immutable')]


def check_immutable_secret(api: Api) -> None:
    api.secret("s", immutable=True, data={"k": _b64("v")})
    path = f"{SECRETS}/s"
    answer = api.refused(422, "Invalid", "PATCH", path, {"data": {"k": _b64("w")}}, content_type=MERGE)
    assert answer.causes == [("data", "Forbidden: field is immutable when `immutable` is set")]
    answer = api.refused(422, "Invalid", "PATCH", path, {"immutable": False}, content_type=MERGE)
    assert answer.causes == [("immutable", "Forbidden: field is immutable when `immutable` is set")]
    api.ok("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)


def check_immutable_config_map(api: Api) -> None:
    api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"k": "v"}, "immutable": True})
    patch = {"data": {"k": "w"}}
    answer = api.refused(422, "Invalid", "PATCH", f"{CONFIG_MAPS}/c", patch, content_type=MERGE)
    assert answer.causes == [("data", "Forbidden: field is immutable when `immutable` is set")]


def check_wrong_base64(api: Api) -> None:
    api.refused(400, "BadRequest", "POST", SECRETS, {"metadata": {"name": "s"}, "data": {"k": "*"}})


def check_secret_size(api: Api) -> None:
    body = {"metadata": {"name": "s"}, "data": {"k": base64.b64encode(bytes(1024 * 1024 + 1)).decode()}}
    answer = api.refused(422, "Invalid", "POST", SECRETS, body)
    assert answer.causes == [("data", "Too long: may not be more than 1048576 bytes")]


_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}

_INVALID: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "name",
        {"metadata": {"name": "Bad_Name"}},
        "metadata.name",
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ),
    ("long-name", {"metadata": {"name": "a" * 254}}, "metadata.name", "must be no more than 253 characters"),
    ("no-name", {"metadata": {}}, "metadata.name", "Required value: name or generateName is required"),
    (
        "data-key",
        {"metadata": {"name": "s"}, "data": {"a b": ""}},
        "data[a b]",
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    ),
    ("data-key-dots", {"metadata": {"name": "s"}, "data": {"..x": ""}}, "data[..x]", "must not start with '..'"),
    (
        "label-key",
        {"metadata": {"name": "s", "labels": {"a b": "x"}}},
        "metadata.labels",
        "name part must consist of alphanumeric characters",
    ),
    (
        "label-prefix",
        {"metadata": {"name": "s", "labels": {"A_/b": "x"}}},
        "metadata.labels",
        "prefix part a lowercase RFC 1123 subdomain",
    ),
    (
        "label-value",
        {"metadata": {"name": "s", "labels": {"a": "x y"}}},
        "metadata.labels",
        "a valid label must be an empty string or consist of alphanumeric characters",
    ),
    (
        "long-label-value",
        {"metadata": {"name": "s", "labels": {"a": "x" * 64}}},
        "metadata.labels",
        "must be no more than 63 bytes",
    ),
    (
        "annotation-key",
        {"metadata": {"name": "s", "annotations": {"a b": "x"}}},
        "metadata.annotations",
        "name part must consist of alphanumeric characters",
    ),
    (
        "annotation-size",
        {"metadata": {"name": "s", "annotations": {"a": "x" * 262144}}},
        "metadata.annotations",
        "Too long: may not be more than 262144 bytes",
    ),
    (
        "finalizer",
        {"metadata": {"name": "s", "finalizers": ["a b"]}},
        "metadata.finalizers",
        "name part must consist of alphanumeric characters",
    ),
    (
        "owner-uid",
        {"metadata": {"name": "s", "ownerReferences": [{**_OWNER, "uid": ""}]}},
        "metadata.ownerReferences.uid",
        "must not be empty",
    ),
    (
        "owner-kind",
        {"metadata": {"name": "s", "ownerReferences": [{**_OWNER, "kind": ""}]}},
        "metadata.ownerReferences.kind",
        "must not be empty",
    ),
    (
        "owner-version",
        {"metadata": {"name": "s", "ownerReferences": [{**_OWNER, "apiVersion": ""}]}},
        "metadata.ownerReferences.apiVersion",
        "version must not be empty",
    ),
    (
        "two-controllers",
        {
            "metadata": {
                "name": "s",
                "ownerReferences": [{**_OWNER, "controller": True}, {**_OWNER, "uid": "v", "controller": True}],
            }
        },
        "metadata.ownerReferences",
        "Only one reference can have Controller set to true",
    ),
    ("tls-keys", {"metadata": {"name": "s"}, "type": "kubernetes.io/tls"}, "data[tls.crt]", "Required value"),
    (
        "basic-auth-keys",
        {"metadata": {"name": "s"}, "type": "kubernetes.io/basic-auth"},
        "data[username]",
        "Required value",
    ),
    (
        "ssh-auth-key",
        {"metadata": {"name": "s"}, "type": "kubernetes.io/ssh-auth"},
        "data[ssh-privatekey]",
        "Required value",
    ),
    (
        "docker-config",
        {"metadata": {"name": "s"}, "type": "kubernetes.io/dockerconfigjson"},
        "data[.dockerconfigjson]",
        "Required value",
    ),
    (
        "docker-config-json",
        {"metadata": {"name": "s"}, "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": _b64("x")}},
        "data[.dockerconfigjson]",
        'Invalid value: "<secret contents redacted>"',
    ),
    (
        "token-annotation",
        {"metadata": {"name": "s"}, "type": "kubernetes.io/service-account-token"},
        "metadata.annotations[kubernetes.io/service-account.name]",
        "Required value",
    ),
]


def _refusal(body: dict[str, Any], field: str, text: str) -> Any:
    def check(api: Api) -> None:
        answer = api.refused(422, "Invalid", "POST", SECRETS, body)
        assert any(found == field and text in message for found, message in answer.causes), answer.causes

    return check


TABLE = [Case(f"refuses-{name}", _refusal(body, field, text)) for name, body, field, text in _INVALID]
