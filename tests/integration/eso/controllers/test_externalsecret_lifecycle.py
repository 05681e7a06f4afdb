"""What becomes of the target Secret: creation and deletion policies, drift, ownership, immutability, adoption."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from eso.transform.hash import object_hash
from reconcile.testing.eventually import eventually
from tests.support.operating import VERSION, Bench, Space

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANAGED = "reconcile.external-secrets.io/managed"
CREATED_BY = "reconcile.external-secrets.io/created-by"
HASH = "reconcile.external-secrets.io/data-hash"
MISSING = "secret will not be created due to CreationPolicy=Merge"
RETAINED = "secret retained due to DeletionPolicy=Retain"
DELETED = "secret deleted due to DeletionPolicy=Delete"


def owners(secret: Any) -> list[tuple[str, str, bool]]:
    found = secret["metadata"].get("ownerReferences") or []
    return [(one["kind"], one["name"], bool(one.get("controller"))) for one in found]


@pytest.mark.parametrize("policy", ["Owner", "Orphan", "CreateOrMerge"])
async def test_absent_secret_is_created(space: Space, policy: str) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": policy})
    await space.synced()
    secret = await space.secret()
    assert await space.data() == {"k": b"one"}
    assert secret["type"] == "Opaque"
    meta = secret["metadata"]
    assert meta["labels"][MANAGED] == "true"
    assert meta["annotations"][HASH] == object_hash({"k": b"one"})
    mine = policy == "Owner"
    assert meta["labels"].get(CREATED_BY) == (object_hash(f"{space.namespace}/app") if mine else None)
    assert owners(secret) == ([("ExternalSecret", "app", True)] if mine else [])
    status = (await space.get())["status"]
    assert status["binding"] == {"name": "app"}
    assert status["syncedResourceVersion"].startswith("1-")
    await space.told("Normal", "Created", "secret created")


async def test_owner_reference_has_every_field(space: Space) -> None:
    await space.store(k="one")
    es = await space.external_secret()
    await space.synced()
    assert (await space.secret())["metadata"]["ownerReferences"] == [
        {
            "apiVersion": VERSION,
            "kind": "ExternalSecret",
            "name": "app",
            "uid": es["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


async def test_merge_does_not_create(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": "Merge"})
    assert await space.reaches("True", "SecretMissing", MISSING) == MISSING
    assert not await space.has()
    # It appears later, without the label that managed Secrets have.
    await space.create_secret(other="x")
    await space.becomes({"k": b"one", "other": b"x"})
    await space.synced()


async def test_none_writes_nothing_but_the_label(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": "None"})
    await space.synced()
    assert not await space.has()
    assert "binding" not in (await space.get())["status"] or not (await space.get())["status"]["binding"]["name"]


async def test_none_labels_a_present_secret(space: Space) -> None:
    await space.store(k="one")
    await space.create_secret(other="x")
    await space.external_secret(target={"creationPolicy": "None"})
    await space.synced()
    secret = await space.secret()
    assert await space.data() == {"other": b"x"}
    assert secret["metadata"]["labels"] == {MANAGED: "true"}


@pytest.mark.parametrize(
    ("policy", "data"),
    [
        ("Owner", {"k": b"one"}),
        ("Orphan", {"k": b"one"}),
        ("Merge", {"k": b"one", "other": b"x"}),
        ("CreateOrMerge", {"k": b"one", "other": b"x"}),
    ],
)
async def test_present_secret_is_taken_over(space: Space, policy: str, data: dict[str, bytes]) -> None:
    await space.store(k="one")
    await space.create_secret(k="old", other="x", metadata={"labels": {"theirs": "kept"}})
    await space.external_secret(target={"creationPolicy": policy})
    await space.synced()
    secret = await space.secret()
    assert await space.data() == data
    assert secret["metadata"]["labels"]["theirs"] == "kept"
    assert owners(secret) == ([("ExternalSecret", "app", True)] if policy == "Owner" else [])
    assert (await space.get())["status"]["binding"] == {"name": "app"}


async def test_merge_owns_exactly_its_own_fields(space: Space) -> None:
    await space.store(k="one")
    await space.create_secret(other="x")
    await space.external_secret(target={"creationPolicy": "Merge"}, metadata={"labels": {"mine": "1"}})
    await space.synced()
    entries = (await space.secret())["metadata"]["managedFields"]
    mine = [one for one in entries if one["manager"] == "externalsecrets.external-secrets.io/app"]
    assert [one["operation"] for one in mine] == ["Update"]
    fields = mine[0]["fieldsV1"]
    assert set(fields["f:data"]) - {"."} == {"f:k"}
    assert set(fields["f:metadata"]["f:labels"]) - {"."} == {f"f:{MANAGED}", "f:mine"}
    assert set(fields["f:metadata"]["f:annotations"]) - {"."} == {f"f:{HASH}"}
    assert any(one["manager"] == "somebody" for one in entries)


@pytest.mark.parametrize("policy", ["Merge", "CreateOrMerge"])
async def test_merge_takes_its_own_keys_away_again(space: Space, policy: str) -> None:
    await space.store(a="1", b="2")
    await space.create_secret(other="x")
    both = [{"secretKey": key, "remoteRef": {"key": key}} for key in ("a", "b")]
    await space.external_secret(target={"creationPolicy": policy}, data=both)
    await space.becomes({"a": b"1", "b": b"2", "other": b"x"})
    await space.edit(data=both[:1])
    await space.becomes({"a": b"1", "other": b"x"})


async def test_long_name_writes_under_a_hashed_field_manager(space: Space) -> None:
    name = "an-external-secret-with-a-long-name"
    await space.store(k="one")
    await space.external_secret(name, metadata={"labels": {"stale": "1"}})
    await space.synced(name)
    managers = {one["manager"] for one in (await space.secret(name))["metadata"]["managedFields"]}
    assert managers == {f"externalsecrets.external-secrets.io/sha3/{object_hash(name)}"}
    await space.merge(f"{VERSION}/externalsecrets", name, {"metadata": {"labels": {"stale": None}}})

    async def gone() -> bool:
        return "stale" not in (await space.secret(name))["metadata"]["labels"]

    await eventually(gone)


@pytest.mark.parametrize("policy", ["Owner", "CreateOrMerge"])
async def test_deleted_secret_comes_back_at_once(space: Space, policy: str) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": policy})
    await space.becomes({"k": b"one"})
    await space.request("DELETE", "v1/secrets", "app")
    await space.becomes({"k": b"one"})


async def test_deleted_orphan_stays_away_until_a_refresh(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": "Orphan"})
    await space.synced()
    await space.request("DELETE", "v1/secrets", "app")
    await space.bench.settled()
    assert not await space.has()
    await space.merge(f"{VERSION}/externalsecrets", "app", {"metadata": {"annotations": {"force-sync": "1"}}})
    await space.becomes({"k": b"one"})


DRIFTS: dict[str, dict[str, Any]] = {
    "edited": {"data": {"k": base64.b64encode(b"edited").decode()}},
    "key added": {"data": {"more": base64.b64encode(b"edited").decode()}},
    "key removed": {"data": {"k": None}},
    "hash changed": {"metadata": {"annotations": {HASH: "other"}}},
    "hash removed": {"metadata": {"annotations": {HASH: None}}},
    "label removed": {"metadata": {"labels": {MANAGED: None}}},
    "label changed": {"metadata": {"labels": {MANAGED: "false"}}},
}


@pytest.mark.parametrize("drift", DRIFTS)
async def test_drift_is_repaired_at_once(space: Space, drift: str) -> None:
    await space.store(k="one")
    await space.external_secret()
    await space.synced()
    await space.bench.settled()
    await space.merge("v1/secrets", "app", DRIFTS[drift])

    async def repaired() -> bool:
        meta = (await space.secret())["metadata"]
        assert await space.data() == {"k": b"one"}
        assert meta["labels"].get(MANAGED) == "true"
        return bool(meta["annotations"].get(HASH) == object_hash({"k": b"one"}))

    await eventually(repaired)
    await space.bench.settled()


async def test_orphan_is_not_repaired(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": "Orphan"})
    await space.synced()
    await space.bench.settled()
    await space.merge("v1/secrets", "app", DRIFTS["edited"])
    await space.bench.settled()
    assert await space.data() == {"k": b"edited"}


async def test_renamed_target_leaves_nothing_behind(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"name": "before"})
    await space.becomes({"k": b"one"}, "before")
    await space.edit(target={"name": "after"})
    await space.becomes({"k": b"one"}, "after")

    async def gone() -> bool:
        return not await space.has("before")

    await eventually(gone)
    await space.told("Normal", "Deleted", "secret deleted because it was orphaned")
    assert (await space.get())["status"]["binding"] == {"name": "after"}


async def test_renamed_target_stays_without_ownership(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"name": "before", "creationPolicy": "Orphan"})
    await space.becomes({"k": b"one"}, "before")
    await space.edit(target={"name": "after"})
    await space.becomes({"k": b"one"}, "after")
    await space.bench.settled()
    assert await space.has("before")


async def test_orphans_that_cannot_be_deleted_are_reported(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"name": "before"})
    await space.becomes({"k": b"one"}, "before")
    path = f"/api/v1/namespaces/{space.namespace}/secrets/before"
    fault = space.bench.server.faults.add(
        lambda request: request.method == "DELETE" and request.path == path, status=403, reason="Forbidden"
    )
    await space.edit(target={"name": "after"})
    await space.reaches("False", "SecretSyncedError", "could not delete orphaned secrets")
    space.bench.server.faults.remove(fault)


async def test_ownership_is_given_up(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret()
    await space.synced()
    await space.edit(target={"creationPolicy": "Orphan"})

    async def released() -> bool:
        secret = await space.secret()
        return not owners(secret) and CREATED_BY not in secret["metadata"]["labels"]

    await eventually(released)
    await space.request("DELETE", f"{VERSION}/externalsecrets", "app")
    await space.bench.settled()
    assert await space.has()


@pytest.mark.parametrize("policy", ["Owner", "Orphan", "Merge"])
async def test_secret_of_another_external_secret_is_left_alone(space: Space, policy: str) -> None:
    await space.store(k="one", other="two")
    await space.external_secret("first", target={"name": "shared"})
    await space.synced("first")
    entry = {"secretKey": "other", "remoteRef": {"key": "other"}}
    await space.external_secret("second", target={"name": "shared", "creationPolicy": policy}, data=[entry])
    text = "target is owned by another ExternalSecret"
    assert "first" in await space.reaches("False", "SecretSyncedError", text, name="second")
    await space.told("Warning", "UpdateFailed", "secret is owned by another ExternalSecret: first", name="second")
    assert await space.data("shared") == {"k": b"one"}
    # The way is free: nobody has to touch the second one.
    await space.request("DELETE", f"{VERSION}/externalsecrets", "first")
    if policy != "Merge":
        await space.becomes({"other": b"two"}, "shared")


async def test_secret_of_another_controller_is_left_alone(space: Space) -> None:
    await space.store(k="one")
    config = await space.request("POST", "v1/configmaps", body={"metadata": {"name": "boss"}})
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "boss",
        "uid": config["metadata"]["uid"],
        "controller": True,
    }
    await space.create_secret(other="x", metadata={"ownerReferences": [reference]})
    await space.external_secret()
    text = "failed to take ownership of target secret"
    assert "ConfigMap boss" in await space.reaches("False", "SecretSyncedError", text)
    await space.told("Warning", "UpdateFailed", "could not set controller reference on secret")
    assert await space.data() == {"other": b"x"}


async def test_immutable_target_is_created_once(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"immutable": True})
    await space.synced()
    assert (await space.secret())["immutable"] is True
    await space.merge(f"{VERSION}/secretstores", "store", _store_data(k="two"))
    await space.bench.settled()
    assert await space.data() == {"k": b"one"}
    await space.synced()
    await space.request("DELETE", "v1/secrets", "app")
    await space.becomes({"k": b"two"})


async def test_immutable_secret_is_never_rewritten(space: Space) -> None:
    await space.store(k="one")
    await space.create_secret(k="old")
    await space.merge("v1/secrets", "app", {"immutable": True})
    await space.external_secret()
    await space.reaches("False", "SecretSyncedError", "could not update secret, target is immutable")
    await space.told("Warning", "UpdateFailed", "secret is immutable")
    secret = await space.secret()
    assert await space.data() == {"k": b"old"}
    assert secret["metadata"]["annotations"][HASH] == object_hash({"k": b"old"})
    assert (await space.get())["status"]["binding"] == {"name": "app"}


async def test_present_secret_becomes_immutable_with_its_data(space: Space) -> None:
    await space.store(k="one")
    await space.create_secret(k="old")
    await space.external_secret(target={"immutable": True})
    await space.synced()
    assert (await space.secret())["immutable"] is True
    assert await space.data() == {"k": b"old"}


def _store_data(**values: str) -> dict[str, Any]:
    data = [{"key": key, "value": value} for key, value in values.items()]
    return {"spec": {"provider": {"fake": {"data": data}}}}


# --- the provider has nothing any more


async def _emptied(space: Space, deletion: str, creation: str = "Owner", **more: Any) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(
        target={"deletionPolicy": deletion, "creationPolicy": creation}, refreshInterval="100ms", **more
    )
    await space.becomes({"k": b"one"})
    space.shelve()


async def test_delete_deletes_the_secret_when_the_source_is_gone(space: Space) -> None:
    await _emptied(space, "Delete")
    assert await space.reaches("True", "SecretDeleted", DELETED) == DELETED
    assert not await space.has()
    await space.told("Normal", "Deleted", DELETED)
    await space.told("Normal", "MissingProviderSecret", "secret does not exist at provider using spec.data")
    space.shelve(k="back")
    await space.becomes({"k": b"back"})
    await space.synced()


async def test_retain_reports_a_missing_source_as_an_error(space: Space) -> None:
    await _emptied(space, "Retain")
    await space.reaches("False", "SecretSyncedError", "could not get secret data from provider")
    await space.told("Warning", "UpdateFailed", "error processing spec.data[0] (key: k)")
    assert await space.data() == {"k": b"one"}


async def test_retain_keeps_the_secret_when_nothing_is_found(space: Space) -> None:
    space.shelve(k="one")
    await space.store()
    await space.external_secret(
        dataFrom=[{"find": {"name": {"regexp": "^k$"}}}], refreshInterval="100ms", target={"deletionPolicy": "Retain"}
    )
    await space.becomes({"k": b"one"})
    space.shelve()
    assert await space.reaches("True", "SecretSynced", RETAINED) == RETAINED
    assert await space.data() == {"k": b"one"}


async def test_retain_creates_nothing_when_nothing_is_found(space: Space) -> None:
    await space.store()
    await space.external_secret(dataFrom=[{"find": {"name": {"regexp": "^k$"}}}])
    assert await space.reaches("True", "SecretSynced", RETAINED) == RETAINED
    assert not await space.has()


async def test_deletion_policy_merge_empties_the_secret(space: Space) -> None:
    await _emptied(space, "Merge")
    await space.becomes({})
    await space.synced()


async def test_deletion_policy_merge_leaves_foreign_keys(space: Space) -> None:
    await space.create_secret(other="x")
    space.shelve(k="one")
    await space.store()
    await space.external_secret(target={"deletionPolicy": "Merge", "creationPolicy": "Merge"}, refreshInterval="100ms")
    await space.becomes({"k": b"one", "other": b"x"})
    space.shelve()
    await space.becomes({"other": b"x"})


@pytest.mark.parametrize("creation", ["Orphan", "CreateOrMerge"])
async def test_delete_needs_ownership(space: Space, creation: str) -> None:
    await _emptied(space, "Delete", creation)
    await space.reaches("False", "SecretSyncedError", "could not delete secret")
    await space.told("Warning", "UpdateFailed", "unable to delete secret")
    assert await space.has()


async def test_missing_entries_disappear_one_by_one(space: Space) -> None:
    space.shelve(a="1", b="2")
    await space.store()
    both = [{"secretKey": key, "remoteRef": {"key": key}} for key in ("a", "b")]
    await space.external_secret(target={"deletionPolicy": "Delete"}, data=both, refreshInterval="100ms")
    await space.becomes({"a": b"1", "b": b"2"})
    space.shelve(a="1")
    await space.becomes({"a": b"1"})
    await space.synced()


# --- the ExternalSecret is deleted


@pytest.mark.parametrize(
    ("creation", "deletion", "stays"),
    [
        ("Owner", "Retain", False),
        ("Owner", "Delete", False),
        ("Owner", "Merge", False),
        ("Orphan", "Retain", True),
        ("Orphan", "Delete", True),
        ("CreateOrMerge", "Retain", True),
        ("CreateOrMerge", "Merge", True),
    ],
)
async def test_deleting_the_external_secret(space: Space, creation: str, deletion: str, stays: bool) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": creation, "deletionPolicy": deletion})
    await space.synced()
    await space.request("DELETE", f"{VERSION}/externalsecrets", "app")

    async def gone() -> bool:
        listed = await space.request("GET", f"{VERSION}/externalsecrets")
        return not listed["items"]

    await eventually(gone)
    await space.bench.server.settled()
    await space.bench.settled()
    assert await space.has() is stays


async def test_finalizer_of_eso_is_removed(space: Space) -> None:
    await space.store(k="one")
    finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup"
    await space.external_secret(metadata={"finalizers": [finalizer]})
    await space.synced()
    await space.request("DELETE", f"{VERSION}/externalsecrets", "app")

    async def gone() -> bool:
        return not (await space.request("GET", f"{VERSION}/externalsecrets"))["items"]

    await eventually(gone)


async def test_recreated_external_secret_takes_its_secret_again(space: Space) -> None:
    await space.store(k="one")
    await space.external_secret(target={"creationPolicy": "Orphan"})
    await space.synced()
    await space.request("DELETE", f"{VERSION}/externalsecrets", "app")
    await space.merge("v1/secrets", "app", DRIFTS["edited"])
    await space.external_secret(target={"creationPolicy": "Owner"}, refreshPolicy="CreatedOnce")
    await space.becomes({"k": b"one"})


# --- what ESO v2.9.0 left


@pytest.mark.parametrize("policy", ["Owner", "Orphan", "Merge", "CreateOrMerge"])
async def test_secrets_of_eso_are_adopted_without_a_write(idle_bench: Bench, policy: str) -> None:
    space = await idle_bench.space()
    await space.store(k="one")
    es = await space.external_secret(
        target={"creationPolicy": policy}, metadata={"labels": {"team": "a"}, "annotations": {"note": "b"}}
    )
    labels = {"team": "a", MANAGED: "true"}
    meta: dict[str, Any] = {"name": "app", "labels": labels, "annotations": {"note": "b"}}
    if policy == "Owner":
        labels[CREATED_BY] = object_hash(f"{space.namespace}/app")
        owner = {"apiVersion": VERSION, "kind": "ExternalSecret", "name": "app", "uid": es["metadata"]["uid"]}
        meta["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
    meta["annotations"][HASH] = object_hash({"k": b"one"})
    body = {"metadata": meta, "data": {"k": base64.b64encode(b"one").decode()}}
    manager = {"fieldManager": "externalsecrets.external-secrets.io/app"}
    await space.request("POST", "v1/secrets", body=body, query=manager)
    before = await space.secret()
    idle_bench.requests.clear()
    async with idle_bench.operator():
        # As after losing the status: everything is fetched and compared anew.
        await space.synced()
        await idle_bench.settled()
        assert await space.secret() == before
        assert [one for one in space.writes() if one[1].split("/")[0] == "secrets"] == []
    async with idle_bench.operator():
        idle_bench.requests.clear()
        reads = space.reads
        await idle_bench.settled()
        assert space.writes() == []
        assert space.reads == reads
