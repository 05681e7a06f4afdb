"""Contract: externalsecret, sections 5.1, 10.3, 10.4 and 11."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from eso.controllers.externalsecret.draft import Draft, build, is_valid
from eso.controllers.externalsecret.ownership import (
    ANNOTATION_DATA_HASH,
    LABEL_MANAGED,
    LABEL_OWNER,
    OwnedByAnotherError,
    OwnershipError,
    field_owner,
    owner_label,
)
from eso.transform.hash import object_hash
from tests.support.builders import external_secret


def secret(data: dict[str, bytes] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "es", "namespace": "default", "uid": "u", "resourceVersion": "7", **metadata},
        "data": {key: base64.b64encode(value).decode() for key, value in (data or {}).items()},
    }


def managed_fields(
    manager: str, *, data: list[str] = (), labels: list[str] = (), annotations: list[str] = ()
) -> list[dict[str, Any]]:
    def fields(names: list[str]) -> dict[str, Any]:
        return {f"f:{name}": {} for name in names}

    return [
        {
            "manager": manager,
            "operation": "Update",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:data": {".": {}, **fields(data)},
                "f:metadata": {"f:labels": {".": {}, **fields(labels)}, "f:annotations": fields(annotations)},
            },
        }
    ]


def nothing(_: Draft) -> None:
    raise AssertionError("there is no template to render")


def target(**spec: Any) -> dict[str, Any]:
    return {"target": spec}


def test_a_new_secret_carries_hash_labels_and_owner() -> None:
    es = external_secret(metadata={"labels": {"team": "x"}, "annotations": {"note": "y"}})
    draft = build(es, "es", None, {"a": b"1"}, nothing)
    assert draft.data == {"a": b"1"}
    assert draft.labels == {"team": "x", LABEL_MANAGED: "true", LABEL_OWNER: owner_label("default", "es")}
    assert draft.annotations == {"note": "y", ANNOTATION_DATA_HASH: object_hash({"a": b"1"})}
    assert draft.metadata["ownerReferences"] == [
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "name": "es",
            "uid": "uid-es",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ("Owner", {"a": b"new"}),
        ("Orphan", {"a": b"new"}),
        ("Merge", {"a": b"new", "foreign": b"f"}),
        ("CreateOrMerge", {"a": b"new", "foreign": b"f"}),
    ],
)
def test_foreign_keys_stay_only_when_merging(policy: str, left: dict[str, bytes]) -> None:
    existing = secret({"a": b"old", "foreign": b"f"})
    draft = build(external_secret(spec=target(creationPolicy=policy)), "es", existing, {"a": b"new"}, nothing)
    assert draft.data == left


def test_merge_takes_its_own_former_keys_away() -> None:
    existing = secret({"gone": b"1", "foreign": b"f"}, managedFields=managed_fields(field_owner("es"), data=["gone"]))
    draft = build(external_secret(spec=target(creationPolicy="Merge")), "es", existing, {"a": b"1"}, nothing)
    assert draft.data == {"a": b"1", "foreign": b"f"}


@pytest.mark.parametrize("name", ["es", "a-name-with-forty-characters-1234567890123", "n" * 80])
def test_labels_and_annotations_it_wrote_before_are_taken_away(name: str) -> None:
    """Also for names of 28 to 63 characters, whose field manager is hashed."""
    existing = secret(
        labels={"mine": "1", "theirs": "2"},
        annotations={"mine": "1", "theirs": "2"},
        managedFields=managed_fields(field_owner(name), labels=["mine"], annotations=["mine"]),
    )
    draft = build(external_secret(name), "es", existing, {}, nothing)
    assert "mine" not in draft.labels
    assert "mine" not in draft.annotations
    assert (draft.labels["theirs"], draft.annotations["theirs"]) == ("2", "2")


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("short", "externalsecrets.external-secrets.io/short"),
        ("x" * 27, "externalsecrets.external-secrets.io/" + "x" * 27),
        ("x" * 28, "externalsecrets.external-secrets.io/sha3/" + object_hash("x" * 28)),
    ],
)
def test_field_owner(name: str, owner: str) -> None:
    assert field_owner(name) == owner


def other_owner(kind: str, name: str, api: str = "external-secrets.io/v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "name": name, "uid": "other", "controller": True}


def test_another_external_secret_keeps_its_target() -> None:
    existing = secret(ownerReferences=[other_owner("ExternalSecret", "rival")])
    for policy in ("Owner", "Orphan", "Merge", "CreateOrMerge"):
        with pytest.raises(OwnedByAnotherError, match="owned by another ExternalSecret: rival"):
            build(external_secret(spec=target(creationPolicy=policy)), "es", existing, {}, nothing)


def test_a_controller_of_another_kind_keeps_its_secret_from_an_owner() -> None:
    existing = secret(ownerReferences=[other_owner("Deployment", "web", "apps/v1")])
    with pytest.raises(OwnershipError, match="could not set controller reference"):
        build(external_secret(), "es", existing, {}, nothing)
    draft = build(external_secret(spec=target(creationPolicy="Merge")), "es", existing, {}, nothing)
    assert draft.metadata["ownerReferences"] == [other_owner("Deployment", "web", "apps/v1")]


def test_an_owner_of_an_older_version_or_uid_is_replaced() -> None:
    existing = secret(ownerReferences=[other_owner("ExternalSecret", "es", "external-secrets.io/v1beta1")])
    draft = build(external_secret(), "es", existing, {}, nothing)
    assert [(owner["apiVersion"], owner["uid"]) for owner in draft.metadata["ownerReferences"]] == [
        ("external-secrets.io/v1", "uid-es")
    ]


def test_leaving_owner_gives_the_secret_free() -> None:
    existing = secret(
        ownerReferences=[other_owner("ExternalSecret", "es")], labels={LABEL_OWNER: owner_label("default", "es")}
    )
    draft = build(external_secret(spec=target(creationPolicy="Orphan")), "es", existing, {}, nothing)
    assert "ownerReferences" not in draft.metadata
    assert LABEL_OWNER not in draft.labels


def test_an_immutable_target_is_created_whole_and_never_rewritten() -> None:
    es = external_secret(spec=target(immutable=True))
    assert build(es, "es", None, {"a": b"1"}, nothing).to_wire()["immutable"] is True
    draft = build(es, "es", secret({"a": b"old"}), {"a": b"new"}, nothing)
    assert draft.data == {"a": b"old"}
    assert draft.annotations[ANNOTATION_DATA_HASH] == object_hash({"a": b"old"})


def template(**fields: Any) -> dict[str, Any]:
    return target(template={"engineVersion": "v2", **fields})


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ({}, {"a": b"1"}),
        ({"data": {"t": "x"}}, {}),
        ({"data": {"t": "x"}, "mergePolicy": "Merge"}, {"a": b"1"}),
        ({"templateFrom": [{"literal": "x"}]}, {}),
        ({"type": "kubernetes.io/tls"}, {"a": b"1"}),
    ],
)
def test_provider_data_enters_a_template_only_when_it_should(fields: dict[str, Any], data: dict[str, bytes]) -> None:
    seen: list[dict[str, bytes]] = []
    build(
        external_secret(spec=template(**fields)), "es", None, {"a": b"1"}, lambda draft: seen.append(dict(draft.data))
    )
    assert seen == [data]


def test_with_a_template_its_metadata_is_used_and_not_the_objects() -> None:
    es = external_secret(
        spec=template(type="x/y", metadata={"labels": {"t": "1"}, "annotations": {"u": "2"}, "finalizers": ["f/1"]}),
        metadata={"labels": {"own": "1"}, "annotations": {"own": "1"}},
    )
    draft = build(es, "es", secret(finalizers=["f/0"]), {}, lambda _: None)
    assert draft.type == "x/y"
    assert (draft.labels["t"], draft.annotations["u"]) == ("1", "2")
    assert "own" not in draft.labels
    assert "own" not in draft.annotations
    assert draft.metadata["finalizers"] == ["f/0", "f/1"]
    leaving = build(es, "es", secret(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["f/0"]), {}, lambda _: None)
    assert leaving.metadata["finalizers"] == ["f/0"]


def test_unknown_fields_of_the_secret_stay() -> None:
    existing = {**secret({"a": b"1"}), "futureField": {"x": 1}}
    wire = build(external_secret(), "es", existing, {"a": b"2"}, nothing).to_wire()
    assert wire["futureField"] == {"x": 1}
    assert wire["metadata"]["resourceVersion"] == "7"
    assert "managedFields" not in wire["metadata"]


def valid(data: dict[str, bytes], **changes: Any) -> dict[str, Any]:
    metadata = {"labels": {LABEL_MANAGED: "true"}, "annotations": {ANNOTATION_DATA_HASH: object_hash(data)}}
    return secret(data, **{**metadata, **changes})


def test_validity() -> None:
    es = external_secret()
    assert is_valid(valid({"a": b"1"}), es)
    assert not is_valid(None, es)
    assert not is_valid(valid({"a": b"1"}, labels={}), es)
    assert not is_valid(valid({"a": b"1"}, annotations={ANNOTATION_DATA_HASH: "edited"}), es)
    assert not is_valid({**valid({"a": b"1"}), "data": {"a": "Mg=="}}, es)
    orphan = external_secret(spec=target(creationPolicy="Orphan"))
    assert is_valid(None, orphan)
    assert is_valid(secret({"a": b"edited"}), orphan)


def test_values_do_not_show_in_the_repr() -> None:
    draft = build(external_secret(), "es", secret({"a": b"canary"}), {"a": b"canary"}, nothing)
    assert "canary" not in repr(draft)
    assert base64.b64encode(b"canary").decode() not in repr(draft)
