"""Pushing, deleting, existence: providers/gcp.md section 4."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from eso.errors import InvalidSpecError, ProviderError
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.values import wrap_all
from tests.integration.eso.providers.gcpsm.conftest import Cloud
from tests.support.vendors.gcpsm import PROJECT

MANAGED = {"managed-by": "external-secrets"}
NAME = f"projects/{PROJECT}/secrets/db"
REGION = f"projects/{PROJECT}/locations/europe-west3"


def source(**data: str | bytes) -> SourceSecret:
    return SourceSecret(data=wrap_all(data), namespace="app")


def entry(prop: str = "", key: str = "k", **spec: Any) -> PushEntry:
    envelope = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec}
    return PushEntry(key, PushRemoteRef("db", prop), envelope if spec else None)


async def test_secret_is_made_and_an_equal_value_is_not_written_again(cloud: Cloud) -> None:
    spec: dict[str, Any] = {"labels": {"team": "core"}, "annotations": {"a": "b"}, "topics": ["projects/p/topics/t"]}
    async with cloud.lend() as client:
        for value in ("v", "v", "w"):
            await client.push_secret(source(k=value), entry(**spec))
    secret = cloud.google.secrets[NAME]
    assert dict(secret.labels) == {"team": "core", **MANAGED}
    assert dict(secret.annotations) == {"a": "b"}
    assert [topic.name for topic in secret.topics] == ["projects/p/topics/t"]
    assert "automatic" in secret.replication
    assert cloud.google.versions("db") == [b"v", b"w"]
    for call in ("CreateSecret", "UpdateSecret"):
        assert cloud.counted(call) == 1
    assert cloud.counted("AddSecretVersion") == 2


async def test_whole_secret_is_json(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(b="<2>", a="1"), entry(key=""))
    assert cloud.google.versions("db") == [b'{"a":"1","b":"<2>"}']


@pytest.mark.parametrize(
    ("spec", "locations", "keys"),
    [
        ({"replicationLocations": ["eu", "us"], "cmekKeyName": "kms"}, ["eu", "us"], ["kms", "kms"]),
        ({"replicationLocation": "eu"}, ["eu"], [""]),
        ({"cmekKeyName": "kms"}, [], ["kms"]),
        ({}, [], [""]),
    ],
)
async def test_replication(cloud: Cloud, spec: dict[str, Any], locations: list[str], keys: list[str]) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(k="v"), entry(**spec))
    made = cloud.google.secrets[NAME].replication
    if locations:
        assert [replica.location for replica in made.user_managed.replicas] == locations
        found = [replica.customer_managed_encryption.kms_key_name for replica in made.user_managed.replicas]
    else:
        found = [made.automatic.customer_managed_encryption.kms_key_name]
    assert found == keys


async def test_regional_secret_has_no_replication(cloud: Cloud) -> None:
    async with cloud.lend(location="europe-west3") as client:
        await client.push_secret(source(k="v"), entry(replicationLocations=["eu"]))
    assert cloud.google.versions("db", REGION) == [b"v"]


@pytest.mark.parametrize(
    ("policy", "labels"),
    [("Replace", {"a": "new", **MANAGED}), ("Merge", {"a": "old", "kept": "x", **MANAGED})],
)
async def test_labels_by_merge_policy(cloud: Cloud, policy: str, labels: dict[str, str]) -> None:
    cloud.google.put("db", b"v", labels={"a": "old", "kept": "x", **MANAGED}, annotations={"old": "1"})
    async with cloud.lend() as client:
        await client.push_secret(source(k="v"), entry(mergePolicy=policy, labels={"a": "new"}, annotations={"n": "2"}))
    secret = cloud.google.secrets[NAME]
    assert dict(secret.labels) == labels
    assert dict(secret.annotations) == {"n": "2"}
    assert cloud.google.asked("UpdateSecret")[0].secret.etag == '"db-1"'
    assert cloud.google.versions("db") == [b"v"]


async def test_property_is_written_into_what_is_there(cloud: Cloud) -> None:
    cloud.google.put("db", b'{"kept": 1}', labels={"theirs": "x"}, annotations={"n": "1"})
    async with cloud.lend() as client:
        for _ in range(2):
            await client.push_secret(source(k="v"), entry("a.b"))
    assert [json.loads(payload) for payload in cloud.google.versions("db")] == [
        {"kept": 1},
        {"kept": 1, "a": {"b": "v"}},
    ]
    assert dict(cloud.google.secrets[NAME].labels) == {"theirs": "x", **MANAGED}
    assert dict(cloud.google.secrets[NAME].annotations) == {"n": "1"}


async def test_property_of_a_new_secret(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        await client.push_secret(source(k="v"), entry("a"))
        with pytest.raises(InvalidSpecError, match=r"remoteRef\.property"):
            await client.push_secret(source(k="v"), entry("a", labels={"x": "y"}))
    assert cloud.google.versions("db") == [b'{"a":"v"}']


async def test_concurrent_properties_all_arrive(cloud: Cloud) -> None:
    async with cloud.lend() as client, asyncio.TaskGroup() as tasks:
        for name in "abcd":
            tasks.create_task(client.push_secret(source(k=name), entry(name)))
    assert json.loads(cloud.google.versions("db")[-1]) == {name: name for name in "abcd"}


async def test_what_somebody_else_made_is_not_touched(cloud: Cloud) -> None:
    cloud.google.put("db", b"theirs")
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="not managed"):
            await client.push_secret(source(k="v"), entry())
        await client.delete_secret(PushRemoteRef("db"))
    assert cloud.google.versions("db") == [b"theirs"]


async def test_value_follows_a_disabled_version(cloud: Cloud) -> None:
    cloud.google.put("db", b"old", labels=MANAGED)
    cloud.google.set_state("db", 1, "DISABLED")
    async with cloud.lend() as client:
        await client.push_secret(source(k="v"), entry())
        assert cloud.google.versions("db") == [b"old", b"v"]
        cloud.google.set_state("db", 2, "DESTROYED")
        with pytest.raises(ProviderError):
            await client.push_secret(source(k="v"), entry("a"))


async def test_wrong_metadata(cloud: Cloud) -> None:
    async with cloud.lend() as client:
        for spec in ({"nope": 1}, {"mergePolicy": "Other"}):
            with pytest.raises(InvalidSpecError, match=r"nope|mergePolicy"):
                await client.push_secret(source(k="v"), entry(**spec))
    assert cloud.google.secrets == {}


async def test_exists_and_delete(cloud: Cloud) -> None:
    cloud.google.put("db", b"v", labels=MANAGED)
    cloud.google.put("empty", labels=MANAGED)
    cloud.google.put("off", b"v", labels=MANAGED)
    cloud.google.set_state("off", 1, "DISABLED")
    async with cloud.lend() as client:
        assert await client.secret_exists(PushRemoteRef("db", "ignored"))
        assert not await client.secret_exists(PushRemoteRef("empty"))
        assert not await client.secret_exists(PushRemoteRef("none"))
        with pytest.raises(ProviderError):
            await client.secret_exists(PushRemoteRef("off"))
        await client.delete_secret(PushRemoteRef("db", "ignored"))
        await client.delete_secret(PushRemoteRef("db"))
    assert NAME not in cloud.google.secrets
    assert cloud.google.asked("DeleteSecret")[0].etag == '"db-1"'
    assert cloud.counted("DeleteSecret") == 1
