"""providers/scaleway.md, row by row, against a server that speaks Scaleway's API."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    UnavailableError,
)
from eso.providers.base import FindRef, PushRemoteRef, ValidationResult
from eso.providers.scaleway.provider import ScalewayProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.scaleway import Scaleway
from tests.support.vendors.tokenserver import serving

PROJECT = "11111111-2222-3333-4444-555555555555"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Case:
    def __init__(self, vendor: Scaleway, stores: ProviderBench) -> None:
        self.vendor = vendor
        self.stores = stores

    def spec(self, **changes: Any) -> dict[str, Any]:
        keys = {"accessKey": {"value": "SCW"}, "secretKey": {"secretRef": {"name": "scw", "key": "key"}}}
        return {"apiUrl": self.vendor.url, "region": "fr-par", "projectId": PROJECT, **keys, **changes}

    def lend(self, **changes: Any) -> Any:
        return self.stores.lend(self.spec(**changes))


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    vendor = Scaleway()
    vendor.secrets = [
        {"id": "a", "name": "one", "path": "/", "versions": [encoded("first"), encoded("canary"), None]},
        {"id": "b", "name": "one", "path": "/deep", "versions": [encoded('{"k": "v", "n": null}')]},
    ]
    async with serving(vendor), bench(ScalewayProvider()) as stores:
        await stores.secret("scw", key="canary-key", wrong="canary-wrong")
        yield Case(vendor, stores)


@pytest.mark.parametrize(
    ("key", "property", "version", "wanted"),
    [
        ("id:a", "", "1", "first"),
        ("id:a", "", "", "canary"),
        ("name:one", "", "latest_enabled", "canary"),
        ("path:/deep/one", "k", "", "v"),
        ("path:/deep/one", "n", "", ""),
        ("path:/one", "", "1", "first"),
    ],
)
async def test_reading(case: Case, key: str, property: str, version: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version=version) == wanted


@pytest.mark.parametrize(("key", "property"), [("id:x", ""), ("name:x", ""), ("path:/deep/one", "absent")])
async def test_what_is_missing(case: Case, key: str, property: str) -> None:
    async with case.lend() as client:
        with pytest.raises(NoSecretError):
            await value(client, key, property)


async def test_errors(case: Case) -> None:
    async with case.lend() as client:
        for key in ("one", "other:one", "path:", "path:one", "path:deep/one", "path:/deep/"):
            with pytest.raises(EsoError):
                await value(client, key)
        with pytest.raises(EsoError) as caught:
            await mapped(client, "id:a")
    assert "canary" not in told(caught.value)
    async with case.lend(secretKey={"value": "canary-wrong"}) as client:
        with pytest.raises(AccessDeniedError) as denied:
            await client.validate()
    assert "canary" not in told(denied.value)


@pytest.mark.parametrize("count", [50, 100, 101])
async def test_find_pages(case: Case, count: int) -> None:
    case.vendor.secrets = [
        {"id": f"i{n}", "name": f"n{n}", "path": "/p", "versions": [encoded("v")]} for n in range(count)
    ]
    case.vendor.secrets[0]["versions"] = [None]
    async with case.lend() as client:
        assert await mapped_count(client) == count - 1


async def mapped_count(client: Any) -> int:
    return len(await client.get_all_secrets(FindRef(path="/p", name_regexp="^n")))


@pytest.mark.parametrize(
    ("refused", "wanted"),
    [
        ({"b": 403}, {"one": "canary"}),
        ({"a": 412, "b": 404}, {}),
        ({"a": 412, "b": 403}, AccessDeniedError),
        ({"a": 500, "b": 404}, UnavailableError),
    ],
)
async def test_find_leaves_out_what_cannot_be_read(case: Case, refused: dict[str, int], wanted: Any) -> None:
    case.vendor.refused = refused
    async with case.lend() as client:
        if isinstance(wanted, dict):
            found = await client.get_all_secrets(FindRef())
            assert {name: secret.reveal_text() for name, secret in found.items()} == wanted
        else:
            with pytest.raises(wanted):
                await client.get_all_secrets(FindRef())


@pytest.mark.parametrize(
    "body",
    [
        b'{"secrets": [{"name": "canary"}]}',
        b'{"secrets": ["canary"]}',
        b'{"secrets": [], "total_count": "canary"}',
        b'{"secrets": [], "total_count": 1.5}',
        b'["canary"]',
    ],
)
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend() as client:
        case.vendor.fault = (200, {}, body)
        for act in (value(client, "name:one"), client.get_all_secrets(FindRef())):
            with pytest.raises(ProviderError) as caught:
                await act
            assert "canary" not in told(caught.value)


async def test_the_secret_key_does_not_follow_redirects(case: Case) -> None:
    async with case.lend() as client:
        case.vendor.fault = (302, {"Location": f"{case.vendor.url}/elsewhere"}, b"")
        with pytest.raises(InvalidRequestError):
            await value(client, "name:one")
        assert len(case.vendor.seen) == 1


async def test_a_disabled_version_is_not_disabled_again(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="x"), entry("path:/one", "k"))
    assert case.vendor.secrets[0]["versions"][2:] == [None, encoded("x")]
    assert not [seen for seen in case.vendor.seen if seen.endswith("/disable")]


async def test_extract_push_delete(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "path:/deep/one") == {"k": "v", "n": ""}
        for _ in range(2):
            await client.push_secret(source(k="x"), entry("path:/new/name", "k"))
        assert case.vendor.secrets[-1]["versions"] == [encoded("x")]
        await client.push_secret(source(k="y"), entry("path:/new/name", "k"))
        assert case.vendor.secrets[-1]["versions"] == [None, encoded("y")]
        await client.delete_secret(PushRemoteRef("path:/new/name"))
        await client.delete_secret(PushRemoteRef("path:/new/name"))
        assert len(case.vendor.secrets) == 2
        for bad in (entry("id:a", "k"), entry("name:one")):
            with pytest.raises(InvalidSpecError):
                await client.push_secret(source(k="x"), bad)
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("name:one"))
        assert await client.validate() is ValidationResult.READY


@pytest.mark.parametrize(
    "change",
    [
        {"apiUrl": "x"},
        {"apiUrl": "https://[::1"},
        {"apiUrl": "http://h:99999"},
        {"region": "x"},
        {"projectId": "x"},
        {"accessKey": {}},
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError):
        case.stores.check(case.spec(**change))
    assert case.stores.check(case.spec()) == []
