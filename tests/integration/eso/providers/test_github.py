"""providers/github.md, row by row, against a server that speaks GitHub's API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.github.provider import GithubProvider
from tests.support.providerbench import ProviderBench, bench, entry, source, told
from tests.support.vendors.github import SCOPES, Github
from tests.support.vendors.tokenserver import serving

ORG, REPO, ENV = SCOPES


class Case:
    def __init__(self, github: Github, stores: ProviderBench) -> None:
        self.github = github
        self.stores = stores
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def lend(self, *, cluster: bool = False, key: str = "pem", **spec: Any) -> Any:
        base = {"appID": 12, "installationID": 34, "organization": "acme"}
        selector = {"name": "github", "key": key, **({"namespace": "app"} if cluster else {})}
        return self.stores.lend({**base, "auth": {"privateKey": selector}, **spec}, cluster=cluster)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    github = Github()
    async with serving(github), bench(GithubProvider(f"{github.url}/", lambda: found.now())) as stores:
        await stores.secret("github", pem=github.pem(), bad="canary-key", other=Github().pem())
        found = Case(github, stores)
        yield found


@pytest.mark.parametrize(
    ("spec", "scope"),
    [({}, ORG), ({"repository": "app"}, REPO), ({"repository": "app", "environment": "prod"}, ENV)],
)
async def test_push_exists_and_delete_in_each_scope(case: Case, spec: dict[str, Any], scope: str) -> None:
    held = case.github.secrets[scope]
    async with case.lend(**spec) as client:
        assert not await client.secret_exists(PushRemoteRef("NAME"))
        await client.push_secret(source(k=b"canary\xff"), entry("NAME", "k", "ignored", {"any": 1}))
        assert held["NAME"]["value"] == b"canary\xff"
        assert held["NAME"].get("visibility") == ("all" if scope == ORG else None)
        assert await client.secret_exists(PushRemoteRef("NAME"))
        await client.delete_secret(PushRemoteRef("NAME"))
        await client.delete_secret(PushRemoteRef("NAME"))
        assert await client.validate() is ValidationResult.READY
    assert held == {}
    assert case.github.signed_in == 1


async def test_the_whole_secret_is_json_of_base64(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(a="x", b=b"\xff"), entry("whole"))
    assert json.loads(case.github.secrets[ORG]["WHOLE"]["value"]) == {"a": "eA==", "b": "/w=="}


async def test_the_stored_name_is_used(case: Case) -> None:
    case.github.secrets[ORG]["NAME"] = {"visibility": "private"}
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("name", "k"))
    assert case.github.secrets[ORG]["NAME"] == {"value": b"v", "visibility": "private"}
    assert case.github.seen[-1] == f"PUT /{ORG}/NAME"


async def test_visibility_of_the_store_wins_and_selected_repositories_stay(case: Case) -> None:
    numbers = list(range(1, 151))
    case.github.secrets[ORG]["NAME"] = {"visibility": "selected", "selected_repository_ids": numbers}
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("NAME", "k"))
    assert case.github.secrets[ORG]["NAME"]["selected_repository_ids"] == numbers
    async with case.lend(orgSecretVisibility="private") as client:
        await client.push_secret(source(k="v"), entry("NAME", "k"))
    assert case.github.secrets[ORG]["NAME"] == {"value": b"v", "visibility": "private"}


async def test_reads_are_refused(case: Case) -> None:
    async with case.lend() as client:
        for read in (client.get_secret(RemoteRef("a")), client.get_secret_map(RemoteRef("a"))):
            with pytest.raises(InvalidRequestError, match="write-only"):
                await read
        with pytest.raises(InvalidRequestError, match="write-only"):
            await client.get_all_secrets(FindRef())


async def test_tokens_are_renewed_before_their_end_and_after_a_refusal(case: Case) -> None:
    async with case.lend() as client:
        await client.validate()
        case.github.valid.clear()
        await client.validate()
    assert case.github.signed_in == 2
    case.github.lifetime = 65
    async with case.lend() as client:
        await client.validate()
        case.ahead = timedelta(seconds=8)
        await client.validate()
    assert case.github.signed_in == 4


@pytest.mark.parametrize("suffix", ["", "/", "/api/v3/"])
async def test_enterprise_urls(case: Case, suffix: str) -> None:
    case.github.prefix = "api/v3"
    async with case.lend(url=case.github.url + suffix) as client:
        assert await client.validate() is ValidationResult.READY
    assert case.github.seen[-1] == f"GET /api/v3/{ORG}?per_page=1"


async def test_store(case: Case) -> None:
    assert GithubProvider.capabilities is Capabilities.WRITE_ONLY
    async with case.lend(cluster=True) as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    assert case.github.seen == []
    for spec in (
        {"environment": "prod"},
        {"repository": "nowhere", "environment": "prod"},
        {"key": "bad"},
        {"url": "https://[::1"},
        {"url": "github.example.com"},
        {"organization": ".."},
    ):
        with pytest.raises(InvalidSpecError) as caught:
            async with case.lend(**spec):
                pass
        assert "canary" not in told(caught.value)
    async with case.lend(repository="nowhere") as client:
        with pytest.raises(InvalidSpecError):
            await client.validate()
    async with case.lend(key="other") as client:
        with pytest.raises(AccessDeniedError) as denied:
            await client.validate()
    assert "canary" not in told(denied.value)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((403, {"Retry-After": "5"}, b"canary"), ThrottledError),
        ((403, {}, b"canary"), AccessDeniedError),
        ((429, {}, b"canary"), ThrottledError),
        ((502, {}, b"canary"), UnavailableError),
        ((422, {}, b"canary"), InvalidRequestError),
        ((200, {}, b"canary"), EsoError),
    ],
)
async def test_faults(case: Case, fault: Any, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        await client.validate()
        case.github.fault = fault
        with pytest.raises(error) as caught:
            await client.push_secret(source(k="canary"), entry("NAME", "k"))
    assert "canary" not in told(caught.value) + caplog.text


async def test_a_missing_permission_does_not_sign_in_again(case: Case) -> None:
    async with case.lend() as client:
        await client.validate()
        case.github.fault = (403, {}, b"canary")
        for _ in range(2):
            with pytest.raises(AccessDeniedError):
                await client.validate()
        case.github.fault = None
        await client.validate()
    assert case.github.signed_in == 1


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_names_that_are_none(case: Case, name: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError):
            await client.delete_secret(PushRemoteRef(name))
    assert case.github.seen == []


@pytest.mark.parametrize("listed", [[1], [{}], ["canary"]])
async def test_malformed_repositories(case: Case, listed: list[Any]) -> None:
    case.github.secrets[ORG]["NAME"] = {"visibility": "selected", "selected_repository_ids": [1]}
    case.github.listed = listed
    async with case.lend() as client:
        with pytest.raises(ProviderError) as caught:
            await client.push_secret(source(k="canary"), entry("NAME", "k"))
    assert "canary" not in told(caught.value)
