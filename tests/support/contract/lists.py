"""Lists: order, paging, selectors, tables, partial metadata, discovery."""

from __future__ import annotations

from typing import Any

from tests.support.contract.api import CONFIG_MAPS, MERGE, SECRETS, Api, Case, widget_body
from tests.support.contract.widget import WIDGETS

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def _names(body: Any) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


def check_list_shape(api: Api) -> None:
    api.secret("b")
    api.secret("a")
    body = api.ok("GET", SECRETS)
    assert (body["kind"], body["apiVersion"]) == ("SecretList", "v1")
    assert _names(body) == ["a", "b"]
    assert body["metadata"]["resourceVersion"].isdigit()
    assert "kind" not in body["items"][0]


def check_list_of_custom_resources(api: Api) -> None:
    api.widget("a")
    body = api.ok("GET", WIDGETS)
    assert (body["kind"], body["apiVersion"]) == ("WidgetList", "contract.example.com/v1")
    assert body["items"][0]["kind"] == "Widget"


def check_list_all_namespaces(api: Api) -> None:
    api.secret(f"only-{api.ns}")
    items = api.ok("GET", "/api/v1/secrets", fieldSelector=f"metadata.namespace={api.ns}")["items"]
    assert [item["metadata"]["name"] for item in items] == [f"only-{api.ns}"]


def check_list_missing_namespace_is_empty(api: Api) -> None:
    assert api.ok("GET", "/api/v1/namespaces/none-such/secrets")["items"] == []


def check_paging(api: Api) -> None:
    for name in "abcde":
        api.secret(name)
    first = api.ok("GET", SECRETS, limit="2")
    assert _names(first) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    second = api.ok("GET", SECRETS, limit="2", **{"continue": first["metadata"]["continue"]})
    assert _names(second) == ["c", "d"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    third = api.ok("GET", SECRETS, limit="2", **{"continue": second["metadata"]["continue"]})
    assert _names(third) == ["e"]
    assert not third["metadata"].get("continue")


def check_paging_is_a_snapshot(api: Api) -> None:
    for name in "abc":
        api.secret(name)
    first = api.ok("GET", SECRETS, limit="1")
    api.ok("DELETE", f"{SECRETS}/b")
    rest = api.ok("GET", SECRETS, **{"continue": first["metadata"]["continue"]})
    assert _names(rest) == ["b", "c"]


def check_paging_wrong_token(api: Api) -> None:
    answer = api("GET", SECRETS, limit="1", **{"continue": "!!"})
    assert (answer.status, answer.reason) == (400, "BadRequest")


def check_limit_with_selector_has_no_count(api: Api) -> None:
    for name in "abc":
        api.secret(name, metadata={"labels": {"l": "x"}})
    assert "remainingItemCount" not in api.ok("GET", SECRETS, limit="1", labelSelector="l=x")["metadata"]


def check_list_of_future_version(api: Api) -> None:
    answer = api("GET", SECRETS, resourceVersion="999999999")
    assert answer.status in (504, 500)
    assert "Too large resource version" in answer.message


def check_list_not_older_than(api: Api) -> None:
    version = api.secret("s")["metadata"]["resourceVersion"]
    body = api.ok("GET", SECRETS, resourceVersion=version, resourceVersionMatch="NotOlderThan")
    assert _names(body) == ["s"]


_LABELS: list[tuple[str, str, list[str]]] = [
    ("equal", "app=x", ["a", "c"]),
    ("double-equal", "app==x", ["a", "c"]),
    ("not-equal", "app!=x", ["b", "d"]),
    ("in", "app in (x,y)", ["a", "b", "c"]),
    ("not-in", "app notin (x)", ["b", "d"]),
    ("exists", "tier", ["b", "c"]),
    ("not-exists", "!tier", ["a", "d"]),
    ("and", "app=x,tier", ["c"]),
    ("empty-value", "tier=", ["c"]),
    ("number", "n>4", ["c"]),
    ("none", "app=zz", []),
]
_FIELDS: list[tuple[str, str, list[str]]] = [
    ("name", "metadata.name=b", ["b"]),
    ("not-name", "metadata.name!=b", ["a", "c", "d"]),
    ("type", "type=kubernetes.io/x", ["d"]),
    ("namespace-and-name", "metadata.namespace=none,metadata.name=a", []),
]


def _seed(api: Api) -> None:
    api.secret("a", metadata={"labels": {"app": "x", "n": "3"}})
    api.secret("b", metadata={"labels": {"app": "y", "tier": "t"}})
    api.secret("c", metadata={"labels": {"app": "x", "tier": "", "n": "5"}})
    api.secret("d", type="kubernetes.io/x")


def _select(parameter: str, selector: str, wanted: list[str]) -> Any:
    def check(api: Api) -> None:
        _seed(api)
        assert _names(api.ok("GET", SECRETS, **{parameter: selector})) == wanted

    return check


TABLE = [Case(f"label-selector-{name}", _select("labelSelector", text, wanted)) for name, text, wanted in _LABELS]
TABLE += [Case(f"field-selector-{name}", _select("fieldSelector", text, wanted)) for name, text, wanted in _FIELDS]


def check_bad_label_selector(api: Api) -> None:
    api.refused(400, "BadRequest", "GET", SECRETS, labelSelector="a in x")


def check_bad_field_selector(api: Api) -> None:
    answer = api.refused(400, "BadRequest", "GET", SECRETS, fieldSelector="spec.x=1")
    assert "field label not supported: spec.x" in answer.message


def check_selectable_field_of_custom_resource(api: Api) -> None:
    api.widget("a", {"req": "x", "choice": "A"})
    api.widget("b", {"req": "x", "choice": "B"})
    assert _names(api.ok("GET", WIDGETS, fieldSelector="spec.choice=B")) == ["b"]
    api.refused(400, "BadRequest", "GET", WIDGETS, fieldSelector="spec.req=x")


def check_table(api: Api) -> None:
    api.secret("s", stringData={"a": "1", "b": "2"})
    body = api.ok("GET", f"{SECRETS}/s", accept=_TABLE)
    assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Type", "Data", "Age"]
    assert body["rows"][0]["cells"][:3] == ["s", "Opaque", 2]
    assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def check_table_of_custom_resources(api: Api) -> None:
    api.widget("w")
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    api.ok("PATCH", f"{WIDGETS}/w/status", ready, content_type=MERGE)
    body = api.ok("GET", WIDGETS, accept=_TABLE)
    assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Req", "Ready"]
    assert body["rows"][0]["cells"] == ["w", "x", "True"]


def check_partial_metadata(api: Api) -> None:
    api.secret("s", stringData={"a": "1"}, metadata={"labels": {"l": "x"}})
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    body = api.ok("GET", f"{SECRETS}/s", accept=accept)
    assert (body["kind"], body["metadata"]["labels"]) == ("PartialObjectMetadata", {"l": "x"})
    assert "data" not in body
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    listed = api.ok("GET", SECRETS, accept=accept)
    assert listed["kind"] == "PartialObjectMetadataList"
    assert "data" not in listed["items"][0]


def check_not_acceptable(api: Api) -> None:
    assert api("GET", SECRETS, accept="text/html").status == 406


def check_discovery_groups(api: Api) -> None:
    groups = {group["name"]: group for group in api.ok("GET", "/apis")["groups"]}
    assert groups["contract.example.com"]["preferredVersion"] == {
        "groupVersion": "contract.example.com/v1",
        "version": "v1",
    }
    assert {"apps", "coordination.k8s.io", "rbac.authorization.k8s.io", "apiextensions.k8s.io"} <= set(groups)


def check_discovery_resources(api: Api) -> None:
    resources = {r["name"]: r for r in api.ok("GET", "/apis/contract.example.com/v1")["resources"]}
    widget = resources["widgets"]
    assert (widget["kind"], widget["namespaced"], widget["singularName"]) == ("Widget", True, "widget")
    assert widget["shortNames"] == ["wdg"]
    assert widget["categories"] == ["contract"]
    assert sorted(widget["verbs"]) == [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ]
    assert sorted(resources["widgets/status"]["verbs"]) == ["get", "patch", "update"]


def check_core_discovery(api: Api) -> None:
    resources = {r["name"]: r for r in api.ok("GET", "/api/v1")["resources"]}
    assert resources["secrets"]["namespaced"]
    assert not resources["namespaces"]["namespaced"]
    assert "serviceaccounts/token" in resources


def check_version(api: Api) -> None:
    assert api.ok("GET", "/version")["gitVersion"].startswith("v1.")


def check_health(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/livez"):
        answer = api("GET", path)
        assert (answer.status, answer.body) == (200, "ok")


def check_openapi_v3(api: Api) -> None:
    paths = api.ok("GET", "/openapi/v3")["paths"]
    assert {"api/v1", "apis/apps/v1"} <= set(paths)


def check_list_reads_its_writes(api: Api) -> None:
    body = {"metadata": {"name": "c"}, "data": {"k": "v"}}
    api.ok("POST", CONFIG_MAPS, body)
    assert "c" in _names(api.ok("GET", CONFIG_MAPS))
    api.ok("POST", WIDGETS, widget_body("w"))
    assert _names(api.ok("GET", WIDGETS)) == ["w"]
