"""Reading and finding: providers/gcp.md sections 2, 3, 6."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.cloud.secretmanager_v1.types import AccessSecretVersionResponse, SecretPayload

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import FindRef, RemoteRef
from eso.values import reveal_all
from tests.integration.eso.providers.gcpsm.conftest import Cloud
from tests.support.vendors.gcpsm import PROJECT, Fault

HUGE = AccessSecretVersionResponse(payload=SecretPayload(data=b"canary-value" + bytes(10_000_000)))
REGIONAL = f"projects/{PROJECT}/locations/europe-west3"


async def test_payload_of_latest_and_of_a_version(cloud: Cloud) -> None:
    cloud.google.put("db", b"one", b"two\xff")
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"two\xff"
        assert (await client.get_secret(RemoteRef("db", version="1"))).reveal() == b"one"
    assert cloud.google.hosts == ["secretmanager.googleapis.com"]
    assert cloud.counted("AccessSecretVersion") == 2


async def test_version_by_alias(cloud: Cloud) -> None:
    cloud.google.put("db", b"old", b"new", version_aliases={"stable": 1})
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db", version="stable"))).reveal() == b"old"
        with pytest.raises(NoSecretError):
            await client.get_secret(RemoteRef("db", version="7"))


async def test_regional_secrets(cloud: Cloud) -> None:
    cloud.google.put("db", b"there", parent=REGIONAL)
    async with cloud.lend(location="europe-west3") as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"there"
        assert list(await client.get_all_secrets(FindRef(name_regexp="."))) == ["db"]
        assert list(await client.get_all_secrets(FindRef(tags={}, name_regexp="db"))) == ["db"]
    assert cloud.google.hosts == ["secretmanager.europe-west3.rep.googleapis.com"]


async def test_location_cannot_name_another_host(cloud: Cloud) -> None:
    with pytest.raises(InvalidSpecError, match="location"):
        async with cloud.lend(location="evil.example/"):
            pass


@pytest.mark.parametrize(("name", "expected"), [("a.b", b"flat"), ("c.d", b"deep"), ("n", b"7"), ("o", b'{"x": 1}')])
async def test_property_is_a_literal_first_then_a_path(cloud: Cloud, name: str, expected: bytes) -> None:
    cloud.google.put("db", b'{"a": {"b": "no"}, "a.b": "flat", "c": {"d": "deep"}, "n": 7, "o": {"x": 1}}')
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db", property=name))).reveal() == expected


@pytest.mark.parametrize(("payload", "name"), [(b'{"a": 1}', "b"), (b"text", "a"), (b"", "")])
async def test_absent_property_is_an_error_and_not_an_absent_secret(cloud: Cloud, payload: bytes, name: str) -> None:
    cloud.google.put("db", payload)
    async with cloud.lend() as client:
        with pytest.raises(ProviderError) as caught:
            await client.get_secret(RemoteRef("db", property=name))
        assert not isinstance(caught.value, NoSecretError)


async def test_absent_secret_and_version_are_no_secret(cloud: Cloud) -> None:
    cloud.google.put("db", b"x")
    async with cloud.lend() as client:
        for ref in (RemoteRef("none"), RemoteRef("db", version="9"), RemoteRef("none", metadata_policy="Fetch")):
            with pytest.raises(NoSecretError):
                await client.get_secret(ref)
        with pytest.raises(InvalidRequestError, match="id alone"):
            await client.get_secret(RemoteRef("a/b"))


async def test_latest_or_fetch_takes_the_newest_enabled_version(cloud: Cloud) -> None:
    cloud.google.put("db", b"one", b"two", b"three")
    cloud.google.set_state("db", 3, "DISABLED")
    async with cloud.lend() as client:
        with pytest.raises(ProviderError):
            await client.get_secret(RemoteRef("db"))
    async with cloud.lend(secretVersionSelectionPolicy="LatestOrFetch") as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"two"
        with pytest.raises(ProviderError):
            await client.get_secret(RemoteRef("db", version="3"))
        for number in (1, 2):
            cloud.google.set_state("db", number, "DESTROYED")
        with pytest.raises(ProviderError):
            await client.get_secret(RemoteRef("db", property="other"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", {"annotations": {"a.b/c": "note"}, "labels": {"team": "core"}}),
        ("annotations", {"a.b/c": "note"}),
        ("labels", {"team": "core"}),
    ],
)
async def test_fetch_reads_labels_and_annotations(cloud: Cloud, name: str, expected: dict[str, Any]) -> None:
    cloud.google.put("db", labels={"team": "core"}, annotations={"a.b/c": "note"})
    async with cloud.lend() as client:
        found = await client.get_secret(RemoteRef("db", property=name, metadata_policy="Fetch"))
        assert json.loads(found.reveal()) == expected
        one = RemoteRef("db", property="annotations.a.b/c", metadata_policy="Fetch")
        assert (await client.get_secret(one)).reveal() == b"note"
        for absent in ("labels.nope", "etag", "annotations.a"):
            with pytest.raises(ProviderError):
                await client.get_secret(RemoteRef("db", property=absent, metadata_policy="Fetch"))


async def test_labels_and_annotations_that_are_absent_are_null(cloud: Cloud) -> None:
    cloud.google.put("db", labels={"team": "core"})
    expected = {"": b'{"annotations":null,"labels":{"team":"core"}}', "annotations": b"null"}
    async with cloud.lend() as client:
        for name, value in expected.items():
            ref = RemoteRef("db", property=name, metadata_policy="Fetch")
            assert (await client.get_secret(ref)).reveal() == value
        found = await client.get_secret_map(RemoteRef("db", metadata_policy="Fetch"))
        assert reveal_all(found) == {"annotations": b"", "labels": b'{"team":"core"}'}
        assert await client.get_secret_map(RemoteRef("db", property="annotations", metadata_policy="Fetch")) == {}


async def test_extract(cloud: Cloud) -> None:
    cloud.google.put("db", b'{"user": "u", "port": 5432}')
    cloud.google.put("list", b"[1]")
    async with cloud.lend() as client:
        assert reveal_all(await client.get_secret_map(RemoteRef("db"))) == {"user": b"u", "port": b"5432"}
        with pytest.raises(ProviderError):
            await client.get_secret_map(RemoteRef("list"))


async def test_find_by_name(cloud: Cloud) -> None:
    for name in ("app-a", "app-b", "app-c", "other-app-d"):
        cloud.google.put(name, name.encode())
    async with cloud.lend() as client:
        found = await client.get_all_secrets(FindRef(name_regexp="-[bcd]$"))
        assert reveal_all(found) == {"app-b": b"app-b", "app-c": b"app-c", "other-app-d": b"other-app-d"}
        assert sorted(await client.get_all_secrets(FindRef(path="app-", name_regexp="."))) == [
            "app-a",
            "app-b",
            "app-c",
        ]
        with pytest.raises(InvalidSpecError):
            await client.get_all_secrets(FindRef(name_regexp="("))
        with pytest.raises(InvalidSpecError, match="name or tags"):
            await client.get_all_secrets(FindRef(path="app-"))
    assert [request.filter for request in cloud.google.asked("ListSecrets")] == ["", "", "name:app-", "name:app-"]


async def test_find_by_labels(cloud: Cloud) -> None:
    cloud.google.put("app-a", b"1", labels={"env": "prod", "tier": "web"})
    cloud.google.put("app-b", b"2", labels={"env": "prod"})
    cloud.google.put("x-app", b"3", labels={"env": "prod", "tier": "web"})
    async with cloud.lend() as client:
        assert list(await client.get_all_secrets(FindRef(tags={"env": "prod", "tier": "web"}))) == ["app-a", "x-app"]
        assert list(await client.get_all_secrets(FindRef(path="app", tags={"tier": "web"}))) == ["app-a"]
    assert cloud.google.asked("ListSecrets")[-1].filter == "labels.tier=web name:app"


async def test_find_by_labels_works_in_a_location(cloud: Cloud) -> None:
    cloud.google.put("db", b"1", parent=REGIONAL, labels={"env": "prod"})
    async with cloud.lend(location="europe-west3") as client:
        assert list(await client.get_all_secrets(FindRef(tags={"env": "prod"}))) == ["db"]


async def test_a_hit_that_cannot_be_read_fails_the_find(cloud: Cloud) -> None:
    cloud.google.put("a", b"1")
    cloud.google.put("b")
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="though the list had it") as caught:
            await client.get_all_secrets(FindRef(name_regexp="."))
    # One that has no version yet must not have the target deleted.
    assert not isinstance(caught.value, NoSecretError)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("*", grpc.StatusCode.PERMISSION_DENIED, -1), AccessDeniedError),
        (Fault("*", grpc.StatusCode.UNAUTHENTICATED, -1), AccessDeniedError),
        (Fault("*", grpc.StatusCode.RESOURCE_EXHAUSTED, -1), ThrottledError),
        (Fault("*", grpc.StatusCode.INVALID_ARGUMENT, -1), InvalidRequestError),
        (Fault("*", grpc.StatusCode.UNAVAILABLE, -1), UnavailableError),
        (Fault("*", grpc.StatusCode.INTERNAL, -1), UnavailableError),
        (Fault("*", grpc.StatusCode.FAILED_PRECONDITION, -1), ProviderError),
        (Fault("*", delay=3.0, times=-1), UnavailableError),
        (Fault("*", content=b"canary-\xff not a message"), ProviderError),
        (Fault("*", content=AccessSecretVersionResponse.serialize(HUGE)), InvalidRequestError),
    ],
    ids=lambda value: getattr(getattr(value, "code", None), "name", ""),
)
async def test_failures_by_class_and_without_secrets(
    cloud: Cloud, fault: Fault, error: type[EsoError], caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    cloud.google.put("db", b"canary-value")
    cloud.google.faults.append(replace(fault, times=-1))
    async with cloud.lend() as client:
        with pytest.raises(error) as caught:
            await client.get_secret(RemoteRef("db"))
    assert not isinstance(caught.value, NoSecretError)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("code", "wait", "error"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 7.0, ThrottledError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, None, ThrottledError),
        (grpc.StatusCode.INTERNAL, 7200.0, UnavailableError),
    ],
)
async def test_how_long_google_asks_to_wait_is_told(
    cloud: Cloud, code: grpc.StatusCode, wait: float | None, error: type[EsoError]
) -> None:
    cloud.google.faults.append(Fault("*", code, -1, wait=wait))
    async with cloud.lend() as client:
        with pytest.raises(error) as caught:
            await client.get_secret(RemoteRef("db"))
    assert isinstance(caught.value, ThrottledError | UnavailableError)
    assert caught.value.retry_after == (wait and min(wait, 3600.0))
    assert len(cloud.google.asked("AccessSecretVersion")) == 1


async def test_transient_failure_is_tried_again(cloud: Cloud) -> None:
    cloud.google.put("db", b"x")
    cloud.google.faults.append(Fault("AccessSecretVersion", grpc.StatusCode.UNAVAILABLE, 2))
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"x"


async def test_revoked_and_ending_tokens_are_replaced(cloud: Cloud) -> None:
    for name in "abc":
        cloud.google.put(name, name.encode())
    async with cloud.lend() as client:
        await client.get_secret(RemoteRef("a"))
        cloud.google.tokens.clear()
        assert (await client.get_secret(RemoteRef("b"))).reveal() == b"b"
        assert len(cloud.google.exchanges) == 2
        cloud.ahead = 3500.0
        assert (await client.get_secret(RemoteRef("c"))).reveal() == b"c"
    assert len(cloud.google.exchanges) == 3
