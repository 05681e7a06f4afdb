"""Finalizers, owners, namespaces and CustomResourceDefinitions: how objects come to an end."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.testing.eventually import eventually
from tests.integration.apiserver.conftest import CRDS, SECRETS, Api, Widgets, crd

MERGE = "application/merge-patch+json"
CONFIG_MAPS = "/api/v1/namespaces/{ns}/configmaps"


def owned_by(owner: Any, *, block: bool = False) -> dict[str, Any]:
    reference = {
        "apiVersion": "v1",
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {"ownerReferences": [{**reference, "blockOwnerDeletion": True} if block else reference]}


async def is_gone(api: Api, path: str) -> bool:
    return (await api("GET", path))[0] == 404


async def test_finalizer_holds_an_object(api: Api) -> None:
    await api.secret("a", metadata={"finalizers": ["example.com/hold"]})
    answer = await api.ok("DELETE", SECRETS + "/a")
    assert answer["metadata"]["deletionTimestamp"]
    assert answer["metadata"]["deletionGracePeriodSeconds"] == 0
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    status, refused = await api("PATCH", SECRETS + "/a", more, content_type=MERGE)
    assert status == 422
    assert "no new finalizers can be added if the object is being deleted" in refused["message"]
    await api.ok("PATCH", SECRETS + "/a", {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert await is_gone(api, SECRETS + "/a")


async def test_deletion_with_finalizers_counts_as_a_generation(widgets: Widgets) -> None:
    await widgets.create("w", metadata={"finalizers": ["example.com/hold"]})
    answer = await widgets.api.ok("DELETE", widgets.path + "/w")
    assert answer["metadata"]["generation"] == 2
    again = await widgets.api.ok("DELETE", widgets.path + "/w")
    assert again["metadata"]["generation"] == 2
    await widgets.api.ok("PATCH", widgets.path + "/w", {"metadata": {"finalizers": []}}, content_type=MERGE)


async def test_dependents_follow_their_owner(api: Api) -> None:
    owner = await api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "owner"}})
    child = await api.secret("child", metadata=owned_by(owner))
    child["kind"] = "Secret"
    await api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "grandchild", **owned_by(child)}})
    await api.ok("DELETE", CONFIG_MAPS + "/owner")
    await eventually(lambda: is_gone(api, SECRETS + "/child"), timeout=20)
    await eventually(lambda: is_gone(api, CONFIG_MAPS + "/grandchild"), timeout=20)


async def test_a_dependent_stays_while_one_owner_is_left(api: Api) -> None:
    first = await api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "first"}})
    second = await api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "second"}})
    references = owned_by(first)["ownerReferences"] + owned_by(second)["ownerReferences"]
    await api.secret("child", metadata={"ownerReferences": references})
    await api.ok("DELETE", CONFIG_MAPS + "/first")

    async def has_one_owner() -> bool:
        child = await api.ok("GET", SECRETS + "/child")
        return [reference["name"] for reference in child["metadata"]["ownerReferences"]] == ["second"]

    await eventually(has_one_owner, timeout=20)
    await api.ok("DELETE", CONFIG_MAPS + "/second")
    await eventually(lambda: is_gone(api, SECRETS + "/child"), timeout=20)


async def test_an_owner_that_never_was(api: Api) -> None:
    owner = {"kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "11111111-2222-3333-4444-555555555555"}}
    await api.secret("child", metadata=owned_by(owner))
    await eventually(lambda: is_gone(api, SECRETS + "/child"), timeout=20)


async def test_foreground_deletion_waits_for_dependents(api: Api) -> None:
    owner = await api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "owner"}})
    hold = {**owned_by(owner, block=True), "finalizers": ["example.com/hold"]}
    await api.secret("child", metadata=hold)
    answer = await api.ok("DELETE", CONFIG_MAPS + "/owner", {"propagationPolicy": "Foreground"})
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]

    async def child_is_going() -> bool:
        return "deletionTimestamp" in (await api.ok("GET", SECRETS + "/child"))["metadata"]

    await eventually(child_is_going, timeout=20)
    assert not await is_gone(api, CONFIG_MAPS + "/owner")
    await api.ok("PATCH", SECRETS + "/child", {"metadata": {"finalizers": None}}, content_type=MERGE)
    await eventually(lambda: is_gone(api, CONFIG_MAPS + "/owner"), timeout=20)


async def test_orphans_lose_their_owner(api: Api) -> None:
    owner = await api.ok("POST", CONFIG_MAPS, {"metadata": {"name": "owner"}})
    await api.secret("child", metadata=owned_by(owner))
    await api.ok("DELETE", CONFIG_MAPS + "/owner", {"propagationPolicy": "Orphan"})
    await eventually(lambda: is_gone(api, CONFIG_MAPS + "/owner"), timeout=20)
    child = await api.ok("GET", SECRETS + "/child")
    assert "ownerReferences" not in child["metadata"]


async def test_namespace_is_born_complete(api: Api) -> None:
    namespace = await api.ok("GET", "/api/v1/namespaces/{ns}")
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": api.ns}
    assert namespace["spec"] == {"finalizers": ["kubernetes"]}
    assert namespace["status"] == {"phase": "Active"}

    async def account() -> Any:
        return (await api("GET", "/api/v1/namespaces/{ns}/serviceaccounts/default"))[0] == 200

    await eventually(account, timeout=20)


async def test_namespace_goes_with_its_content(api: Api) -> None:
    await api.secret("held", metadata={"finalizers": ["example.com/hold"]})
    await api.secret("free")
    answer = await api.ok("DELETE", "/api/v1/namespaces/{ns}")
    assert answer["status"]["phase"] == "Terminating"
    status, refused = await api("POST", SECRETS, {"metadata": {"name": "late"}})
    assert (status, refused["reason"]) == (403, "Forbidden")
    assert refused["message"] == (
        f'secrets "late" is forbidden: unable to create new content in namespace {api.ns} because it is being terminated'
    )
    assert refused["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": f"namespace {api.ns} is being terminated",
            "field": "metadata.namespace",
        }
    ]
    await eventually(lambda: is_gone(api, SECRETS + "/free"), timeout=20)

    async def says_what_remains() -> bool:
        namespace = await api.ok("GET", "/api/v1/namespaces/{ns}")
        conditions = {item["type"]: item for item in namespace["status"].get("conditions") or ()}
        remaining = conditions.get("NamespaceFinalizersRemaining", {})
        return "example.com/hold in 1 resource instances" in remaining.get("message", "")

    await eventually(says_what_remains, timeout=20)
    await api.ok("PATCH", SECRETS + "/held", {"metadata": {"finalizers": None}}, content_type=MERGE)
    await eventually(lambda: is_gone(api, "/api/v1/namespaces/{ns}"), timeout=20)


async def test_default_namespace_stays(api: Api) -> None:
    status, answer = await api("DELETE", "/api/v1/namespaces/default")
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"] == 'namespaces "default" is forbidden: this namespace may not be deleted'


async def test_definition_is_established(widgets: Widgets) -> None:
    definition = await widgets.api.ok("GET", widgets.crd_path)
    status = definition["status"]
    conditions = {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}
    assert conditions["NamesAccepted"] == ("True", "NoConflicts")
    assert conditions["Established"] == ("True", "InitialNamesAccepted")
    assert status["storedVersions"] == ["v1"]
    assert status["acceptedNames"]["listKind"] == "WidgetList"
    assert definition["spec"]["names"]["singular"] == "widget"


async def test_objects_vanish_with_their_definition(widgets: Widgets) -> None:
    api = widgets.api
    await widgets.create("w")
    await api.ok("DELETE", widgets.crd_path)
    await eventually(lambda: is_gone(api, widgets.crd_path), timeout=20)
    await eventually(lambda: is_gone(api, widgets.path), timeout=20)
    await api.ok("POST", CRDS, crd(widgets.group))

    async def empty() -> bool:
        status, listed = await api("GET", widgets.path)
        return status == 200 and listed["items"] == []

    await eventually(empty, timeout=20)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.color: Required value"),
        ({"color": "blue"}, 'spec.color: Unsupported value: "blue": supported values: "red", "green"'),
        ({"color": "red", "size": 10}, "spec: Invalid value: too big"),
        (
            {"color": "red", "size": "x"},
            'spec.size: Invalid value: "string": spec.size in body must be of type integer',
        ),
    ],
    ids=["required", "enum", "rule", "type"],
)
async def test_custom_resource_validation(widgets: Widgets, spec: Any, message: str) -> None:
    status, answer = await widgets.api("POST", widgets.path, widgets.body("w", spec=spec))
    assert (status, answer["reason"]) == (422, "Invalid")
    assert message in answer["message"]


async def test_custom_resource_defaults_and_pruning(widgets: Widgets) -> None:
    made = await widgets.create("w", spec={"color": "red", "unknown": 1}, status={"x": 1}, extra=1)
    assert made["spec"] == {"color": "red", "size": 1}
    assert "status" not in made and "extra" not in made


async def test_scale(widgets: Widgets) -> None:
    api, path = widgets.api, widgets.path + "/w/scale"
    await widgets.create("w", spec={"color": "red", "size": 3})
    scale = await api.ok("GET", path)
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 3})
    patched = await api.ok("PATCH", path, {"spec": {"replicas": 5}}, content_type=MERGE)
    assert patched["spec"] == {"replicas": 5}
    assert (await api.ok("GET", widgets.path + "/w"))["spec"]["size"] == 5
