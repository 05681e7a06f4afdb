"""Targets that are not Secrets: the gate, ConfigMaps, custom resources, ownership, drift, deletion."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from eso.transform.hash import object_hash
from reconcile.testing.eventually import eventually
from tests.support.operating import DEFINITIONS, VERSION, Bench, Space, bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

ES = f"{VERSION}/externalsecrets"
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap"}
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget"}
MANAGED = "reconcile.external-secrets.io/managed"
CREATED_BY = "reconcile.external-secrets.io/created-by"
HASH = "reconcile.external-secrets.io/data-hash"
SYNCED = ("True", "ResourceSynced", "secret synced")
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                                "properties": {"size": {"type": "integer", "default": 3}},
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def generic() -> AsyncIterator[Bench]:
    """A control plane with a custom kind, and an operator that may write it."""
    async with bench() as made:
        await made.client.raw("POST", DEFINITIONS, body=DEFINITION)
        async with made.operator(unsafe_allow_generic_targets=True):
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def space(generic: Bench) -> AsyncIterator[Space]:
    """A namespace; nothing in it goes on after the test."""
    made = await generic.space()
    yield made
    await made.request("DELETE", ES)
    await generic.settled()


async def _map(space: Space, name: str = "app") -> Any:
    return await space.request("GET", "v1/configmaps", name)


async def _widget(space: Space, name: str = "app") -> Any:
    return await space.request("GET", "example.com/v1/widgets", name)


async def _gone(space: Space, resource: str, name: str = "app") -> None:
    async def gone() -> bool:
        listed = (await space.request("GET", resource))["items"]
        return all(one["metadata"]["name"] != name for one in listed)

    await eventually(gone)


async def test_flag_off(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator():
        await space.external_secret(target={"manifest": CONFIG_MAP})
        await space.reaches("False", "SecretSyncedError", "invalid generic target")
        await space.told("Warning", "UpdateFailed", "generic targets are disabled")
        await idle_bench.settled()
        assert "app" not in [one["metadata"]["name"] for one in (await space.request("GET", "v1/configmaps"))["items"]]
        await space.request("DELETE", ES, "app")
        await _gone(space, ES)


@pytest.mark.parametrize("policy", ["Owner", "Orphan", "CreateOrMerge"])
async def test_config_map(space: Space, policy: str) -> None:
    await space.store(k="one")
    await space.external_secret(
        target={"manifest": CONFIG_MAP, "creationPolicy": policy}, metadata={"labels": {"team": "a"}}
    )
    assert await space.reaches(*SYNCED) == "secret synced"
    found = await _map(space)
    meta = found["metadata"]
    assert found["data"] == {"k": "one"}
    assert meta["labels"][MANAGED] == "true"
    assert meta["labels"]["team"] == "a"
    assert meta["annotations"][HASH] == object_hash({"k": "one"})
    mine = policy == "Owner"
    assert (CREATED_BY in meta["labels"]) is mine
    assert bool(meta.get("ownerReferences")) is mine
    await space.told("Normal", "Created", "Created ConfigMap app")
    assert not await space.has()


async def test_custom_resource_without_a_template(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": WIDGET, "name": "gadget"})
    await space.reaches(*SYNCED)
    found = await _widget(space, "gadget")
    assert found["spec"] == {"data": {"k": "one"}, "size": 3}
    await space.told("Normal", "Created", "Created Widget gadget")


TEMPLATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "path": ({"templateFrom": [{"literal": "host: '{{ .k }}'", "target": "spec.db"}]}, {"db": {"host": "one"}}),
    "list": (
        {"templateFrom": [{"literal": "name: '{{ .k }}'", "target": "spec.items[1]"}]},
        {"items": [None, {"name": "one"}]},
    ),
    "spec": (
        {"templateFrom": [{"literal": "a:\n  b: '{{ .k }}'\nsize: 7", "target": "spec"}]},
        {"a": {"b": "one"}, "size": 7},
    ),
}


@pytest.mark.parametrize("case", TEMPLATES)
async def test_custom_resource_with_a_template(space: Space, case: str) -> None:
    template, wanted = TEMPLATES[case]
    await space.store(k="one")
    await space.external_secret(target={"manifest": WIDGET, "template": template})
    await space.reaches(*SYNCED)
    assert (await _widget(space))["spec"] == {"size": 3, **wanted}


async def test_template_from_a_config_map(space: Space) -> None:
    await space.request("POST", "v1/configmaps", body={"metadata": {"name": "source"}, "data": {"file": "x={{ .k }}"}})
    await space.store(k="one")
    entry = {"configMap": {"name": "source", "items": [{"key": "file"}]}}
    template = {"templateFrom": [entry], "data": {"more": "{{ .k | upper }}"}}
    await space.external_secret(target={"manifest": CONFIG_MAP, "template": template})
    await space.reaches(*SYNCED)
    assert (await _map(space))["data"] == {"file": "x=one", "more": "ONE"}


async def test_refresh_follows_and_is_quiet_otherwise(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(target={"manifest": WIDGET}, refreshInterval="100ms")
    await space.reaches(*SYNCED)
    reads = space.reads
    await eventually(lambda: space.reads > reads + 2)
    assert (await _widget(space))["metadata"]["generation"] == 1
    assert [one for one in await space.events() if one[1] == "Updated"] == []
    space.shelve(k="two")

    async def followed() -> bool:
        return bool((await _widget(space))["spec"]["data"] == {"k": "two"})

    await eventually(followed)
    await space.told("Normal", "Updated", "Updated Widget app")


@pytest.mark.parametrize(
    ("manifest", "resource", "field"),
    [(CONFIG_MAP, "v1/configmaps", "data"), (WIDGET, "example.com/v1/widgets", "spec")],
)
async def test_drift_is_repaired_at_once(space: Space, manifest: Any, resource: str, field: str) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": manifest})
    await space.reaches(*SYNCED)
    await space.bench.settled()
    wanted = (await space.request("GET", resource, "app"))[field]

    async def repaired() -> bool:
        found = await space.request("GET", resource, "app")
        return bool(found[field] == wanted and found["metadata"]["labels"].get(MANAGED) == "true")

    broken = {"k": "x"} if field == "data" else {"data": {"k": "x"}}
    await space.merge(resource, "app", {field: broken})
    await eventually(repaired)
    await space.request("DELETE", resource, "app")
    await eventually(repaired)
    await space.merge(resource, "app", {"metadata": {"labels": {MANAGED: None}}})
    await eventually(repaired)


@pytest.mark.parametrize(
    ("manifest", "resource", "field"),
    [(CONFIG_MAP, "v1/configmaps", "data"), (WIDGET, "example.com/v1/widgets", "spec")],
)
async def test_what_others_add_to_the_content_goes(space: Space, manifest: Any, resource: str, field: str) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": manifest})
    await space.reaches(*SYNCED)
    await space.bench.settled()
    wanted = (await space.request("GET", resource, "app"))[field]
    await space.merge(resource, "app", {field: {"foreign": "x"}})

    async def repaired() -> bool:
        return bool((await space.request("GET", resource, "app"))[field] == wanted)

    await eventually(repaired)
    await space.bench.settled()
    assert space.writes().count(("PUT", f"{resource.rpartition('/')[2]}/app")) == 1


async def test_drift_after_a_restart(idle_bench: Bench) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    async with idle_bench.operator(unsafe_allow_generic_targets=True):
        await space.external_secret(target={"manifest": CONFIG_MAP})
        await space.reaches(*SYNCED)
    async with idle_bench.operator(unsafe_allow_generic_targets=True):
        await idle_bench.settled()
        await space.merge("v1/configmaps", "app", {"data": {"k": "x"}})

        async def repaired() -> bool:
            return bool((await _map(space))["data"] == {"k": "one"})

        await eventually(repaired)


async def test_status_of_the_target_is_no_drift(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": WIDGET})
    await space.reaches(*SYNCED)
    await space.bench.settled()
    reads = space.reads
    path = f"/apis/example.com/v1/namespaces/{space.namespace}/widgets/app/status"
    await space.bench.client.raw(
        "PATCH", path, body={"status": {"ok": True}}, content_type="application/merge-patch+json"
    )
    await space.bench.settled()
    assert space.reads == reads


async def test_merge_does_not_create(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": CONFIG_MAP, "creationPolicy": "Merge"})
    text = "resource will not be created due to CreationPolicy=Merge"
    assert await space.reaches("True", "ResourceMissing", text) == text


@pytest.mark.parametrize("policy", ["Merge", "CreateOrMerge"])
async def test_merge_keeps_foreign_keys(space: Space, policy: str) -> None:
    body = {"metadata": {"name": "app", "labels": {"theirs": "1"}}, "data": {"other": "x"}}
    await space.request("POST", "v1/configmaps", body=body)
    await space.store(k="one")
    await space.external_secret(target={"manifest": CONFIG_MAP, "creationPolicy": policy})
    await space.reaches(*SYNCED)
    found = await _map(space)
    assert found["data"] == {"k": "one", "other": "x"}
    assert found["metadata"]["labels"]["theirs"] == "1"


async def test_owner_keeps_foreign_metadata(space: Space) -> None:
    body = {"metadata": {"name": "app", "labels": {"theirs": "1"}}, "data": {"other": "x"}}
    await space.request("POST", "v1/configmaps", body=body)
    await space.store(k="one")
    await space.external_secret(target={"manifest": CONFIG_MAP})
    await space.reaches(*SYNCED)
    found = await _map(space)
    assert found["data"] == {"k": "one"}
    assert found["metadata"]["labels"]["theirs"] == "1"


async def test_none_writes_nothing(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": CONFIG_MAP, "creationPolicy": "None"})
    assert await space.reaches(*SYNCED) == "secret synced"
    await _gone(space, "v1/configmaps")


async def test_target_of_another_external_secret(space: Space) -> None:
    await space.store(k="one")
    target = {"manifest": CONFIG_MAP, "name": "shared"}
    await space.external_secret("first", target=target)
    await space.reaches(*SYNCED, name="first")
    await space.external_secret("second", target=target)
    text = "could not apply template to manifest"
    assert "first" in await space.reaches("False", "ResourceSyncedError", text, name="second")


@pytest.mark.parametrize(
    ("deletion", "wanted", "stays"),
    [
        ("Delete", ("True", "ResourceDeleted", "secret deleted due to DeletionPolicy=Delete"), False),
        ("Retain", ("True", "ResourceSynced", "secret retained due to DeletionPolicy=Retain"), True),
    ],
)
async def test_source_is_gone(space: Space, deletion: str, wanted: tuple[str, str, str], stays: bool) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(
        target={"manifest": CONFIG_MAP, "deletionPolicy": deletion},
        dataFrom=[{"find": {"name": {"regexp": "^k$"}}}],
        refreshInterval="100ms",
    )
    await space.reaches(*SYNCED)
    space.shelve()
    assert await space.reaches(*wanted) == wanted[2]
    if stays:
        assert (await _map(space))["data"] == {"k": "one"}
    else:
        await _gone(space, "v1/configmaps")
        await space.told("Normal", "Deleted", "Deleted ConfigMap app")


async def test_delete_needs_ownership(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    target = {"manifest": CONFIG_MAP, "deletionPolicy": "Delete", "creationPolicy": "Orphan"}
    await space.external_secret(target=target, refreshInterval="100ms")
    await space.reaches(*SYNCED)
    space.shelve()
    await space.reaches("False", "ResourceSyncedError", "could not delete resource")
    assert (await _map(space))["data"] == {"k": "one"}


@pytest.mark.parametrize(
    ("creation", "deletion", "stays"),
    [("Owner", "Delete", False), ("Owner", "Retain", False), ("Orphan", "Delete", True), ("Orphan", "Retain", True)],
)
async def test_deleting_the_external_secret(space: Space, creation: str, deletion: str, stays: bool) -> None:
    await space.store(k="one")
    target = {"manifest": CONFIG_MAP, "creationPolicy": creation, "deletionPolicy": deletion}
    await space.external_secret(target=target)
    await space.reaches(*SYNCED)
    await space.request("DELETE", ES, "app")
    await _gone(space, ES)
    await space.bench.server.settled()
    if stays:
        assert (await _map(space))["data"] == {"k": "one"}
    else:
        await _gone(space, "v1/configmaps")


async def test_renamed_target_leaves_nothing_behind(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": CONFIG_MAP, "name": "before"})
    await space.reaches(*SYNCED)
    await space.edit(target={"name": "after"})
    await _gone(space, "v1/configmaps", "before")
    assert (await _map(space, "after"))["data"] == {"k": "one"}


async def test_secret_as_manifest(space: Space) -> None:
    space.shelve(k=b"\x80\x00\xff")
    await space.store()
    await space.external_secret(target={"manifest": {"apiVersion": "v1", "kind": "Secret"}})
    await space.reaches(*SYNCED)
    assert await space.data() == {"k": b"\x80\x00\xff"}


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ({"apiVersion": "example.com/v1", "kind": "Nothing"}, "no kind Nothing in example.com/v1"),
        ({"apiVersion": "nowhere.example.com/v1", "kind": "Widget"}, "no kind Widget in nowhere.example.com/v1"),
        ({"apiVersion": "v1", "kind": "Namespace"}, "not namespaced"),
        ({"apiVersion": "x/../../api/v1", "kind": "ConfigMap"}, "no group and version"),
    ],
)
async def test_kind_that_cannot_be_a_target(space: Space, manifest: dict[str, str], text: str) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": manifest})
    assert text in await space.reaches("False", "ResourceSyncedError", "could not get target resource")


async def test_provider_failure(space: Space) -> None:
    await space.store()
    await space.external_secret(target={"manifest": CONFIG_MAP})
    await space.reaches("False", "ResourceSyncedError", "could not get secret data from provider")


async def test_template_failure(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"manifest": CONFIG_MAP, "template": {"data": {"x": "{{ .none }}"}}})
    await space.reaches("False", "ResourceSyncedError", "could not apply template to manifest")


@pytest.mark.parametrize(
    ("path", "value"),
    [("metadata.namespace", "default"), ("metadata.name", "other"), ("kind", "Secret"), ("metadata", "text")],
)
async def test_template_does_not_lead_to_another_object(space: Space, path: str, value: str) -> None:
    await space.store(k="one")
    template = {"data": {"x": "y"}, "templateFrom": [{"literal": value, "target": path}]}
    await space.external_secret(target={"manifest": CONFIG_MAP, "template": template})
    text = "could not apply template to manifest"
    assert path in await space.reaches("False", "ResourceSyncedError", text)
    assert (await space.bench.client.raw("GET", "/api/v1/namespaces/default/configmaps"))["items"] == []
    await _gone(space, "v1/configmaps", "other")


async def test_write_that_is_refused(space: Space) -> None:
    await space.store(k="one")
    template = {"templateFrom": [{"literal": "size: many", "target": "spec"}]}
    await space.external_secret(target={"manifest": WIDGET, "template": template})
    await space.reaches("False", "ResourceSyncedError", "could not update secret")
