"""providers/beyondtrustworkloadcredentials.md, row by row, against a server that speaks the vendor's API."""

from __future__ import annotations

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
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, Maintenance, PushRemoteRef, ValidationResult
from eso.providers.beyondtrustworkloadcredentials.provider import BeyondtrustWorkloadCredentialsProvider
from eso.values import reveal_all
from tests.support.faultbench import trusting
from tests.support.gate import Gate
from tests.support.keypairs import key_pair
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.beyondtrustworkloadcredentials import STORE_SITE, WorkloadCredentials
from tests.support.vendors.tokenserver import serving

TOKEN = {"apikey": {"token": {"name": "bt", "key": "token"}}}
DB = {
    "user": "ann",
    "password": "canary<&>",
    "port": 5432,
    "tls": True,
    "none": None,
    "more": {"b": [1, "x"], "a": "<"},
}
SECRETS: dict[str, dict[str, Any] | None] = {
    "apps/db": DB,
    "apps/deep/er/key": {"value": "canary-deep"},
    "apps/deep/db": {"value": "canary-other"},
    "apps/a b/c%2Fd?": {"value": "canary-odd"},
    "apps/empty": {},
    "apps/none": None,
    "root": {"value": "canary-root"},
    "elsewhere/db": {"value": "canary-else"},
}
TAGS = {"apps/db": {"team": "db", "env": "prod"}, "apps/deep/db": {"team": "db"}}
BASE = f"/site/{STORE_SITE}/secrets"
CALLS = "BeyondTrust/WorkloadCredentials"


class Case:
    def __init__(self, vendor: WorkloadCredentials, gate: Gate, stores: ProviderBench) -> None:
        self.vendor = vendor
        self.gate = gate
        self.stores = stores

    def spec(self, *, folder: str | None = "apps", **server: Any) -> dict[str, Any]:
        return {
            "server": {"apiUrl": f"{self.gate.url}/site/", "siteId": STORE_SITE, **server},
            "auth": TOKEN,
            "caBundle": trusting(self.gate.ca),
            "folderPath": folder,
        }

    def lend(self, *, folder: str | None = "apps", auth: Any = TOKEN, **options: Any) -> Any:
        return self.stores.lend({**self.spec(folder=folder), "auth": auth}, **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    vendor = WorkloadCredentials(secrets=dict(SECRETS), tags=dict(TAGS))
    async with (
        serving(vendor),
        Gate(vendor.url) as gate,
        bench(BeyondtrustWorkloadCredentialsProvider()) as stores,
    ):
        await stores.secret(
            "bt", token="canary-api", wrong="canary-wrong", line="canary-api\n", ca=key_pair()[0].decode()
        )
        yield Case(vendor, gate, stores)


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 1. Authentication


async def test_the_token_of_a_cluster_store(case: Case) -> None:
    named = {"apikey": {"token": {"name": "bt", "key": "token", "namespace": "app"}}}
    async with case.lend(auth=named, cluster=True, consumer="other") as client:
        assert await value(client, "db", "user") == "ann"


@pytest.mark.parametrize(
    ("auth", "error", "text"),
    [
        ({"apikey": {"token": {"name": "gone", "key": "token"}}}, ReferenceNotFoundError, "gone"),
        ({"apikey": {"token": {"name": "bt", "key": "gone"}}}, ReferenceNotFoundError, "gone"),
        ({"apikey": {"token": {"name": "bt"}}}, InvalidSpecError, "no key"),
        ({"apikey": {"token": {"key": "token"}}}, InvalidSpecError, "no name"),
        ({"apikey": {"token": {"name": "bt", "key": "line"}}}, InvalidSpecError, "line break"),
    ],
)
async def test_a_token_that_cannot_be_used(case: Case, auth: Any, error: type[EsoError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        async with case.lend(auth=auth):
            pass
    assert "canary" not in told(caught.value)


async def test_a_ca_from_a_provider(case: Case) -> None:
    ca = {"caBundle": None, "caProvider": {"type": "Secret", "name": "bt", "key": "ca"}}
    async with case.stores.lend({**case.spec(), **ca}) as client:
        assert await value(client, "db", "user") == "ann"
    async with case.stores.lend({**case.spec(), "caBundle": None}) as client:
        with pytest.raises(UnavailableError):
            await value(client, "db", "user")


# 2. remoteRef


@pytest.mark.parametrize(
    ("folder", "key", "property", "wanted"),
    [
        (
            "apps",
            "db",
            "",
            '{"more":{"a":"\\u003c","b":[1,"x"]},"none":null,"password":"canary\\u003c\\u0026\\u003e",'
            '"port":5432,"tls":true,"user":"ann"}',
        ),
        ("apps", "db", "password", "canary<&>"),
        ("apps", "db", "port", "5432"),
        ("apps", "db", "tls", "true"),
        ("apps", "db", "none", "null"),
        ("apps", "db", "more", '{"a":"\\u003c","b":[1,"x"]}'),
        ("apps", "empty", "", "{}"),
        ("apps/deep/er", "key", "value", "canary-deep"),
        (None, "root", "value", "canary-root"),
        ("apps/a b", "c%2Fd?", "value", "canary-odd"),
    ],
)
async def test_reading(case: Case, folder: str | None, key: str, property: str, wanted: str) -> None:
    async with case.lend(folder=folder) as client:
        assert await value(client, key, property, version="7", metadata_policy="Fetch") == wanted
    assert case.stores.counted(CALLS, "GetSecret") == 1


async def test_what_is_asked_for(case: Case) -> None:
    async with case.lend(folder="apps/a b") as client:
        await value(client, "c%2Fd?", "value")
    assert case.vendor.seen == [f"GET {BASE}/static/c%252Fd%3F?folder=apps/a+b"]


@pytest.mark.parametrize(
    ("key", "property", "error", "text"),
    [
        ("gone", "", NoSecretError, "404"),
        ("gone", "value", NoSecretError, "404"),
        ("db", "more.a", ProviderError, r"property more\.a not found"),
        ("none", "", ProviderError, "has no value"),
        ("none", "value", ProviderError, "has no value"),
        ("..", "", InvalidRequestError, "not the name"),
        ("", "", InvalidRequestError, "not the name"),
    ],
)
async def test_what_is_missing(case: Case, key: str, property: str, error: type[EsoError], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(error, match=text) as caught:
            await value(client, key, property)
    assert isinstance(caught.value, NoSecretError) == (error is NoSecretError)
    assert "canary" not in told(caught.value)


# 3. extract and find


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "db", "ignored") == {
            "user": "ann",
            "password": "canary<&>",
            "port": "5432",
            "tls": "true",
            "none": "null",
            "more": '{"a":"\\u003c","b":[1,"x"]}',
        }
        with pytest.raises(NoSecretError):
            await mapped(client, "gone")
        with pytest.raises(ProviderError, match="has no value"):
            await mapped(client, "none")


@pytest.mark.parametrize(
    ("folder", "ref", "paths"),
    [
        ("apps", {}, {"apps/db", "apps/deep/er/key", "apps/deep/db", "apps/a b/c%2Fd?"}),
        ("apps", {"name_regexp": ""}, {"apps/db", "apps/deep/er/key", "apps/deep/db", "apps/a b/c%2Fd?"}),
        ("apps", {"name_regexp": "^db$"}, {"apps/db", "apps/deep/db"}),
        ("apps", {"name_regexp": "e"}, {"apps/deep/er/key"}),  # the last segment, not the folders
        ("apps", {"tags": {"team": "db"}}, {"apps/db", "apps/deep/db"}),
        ("apps", {"tags": {"team": "db", "env": "prod"}}, {"apps/db"}),
        ("apps", {"name_regexp": "^db$", "path": "elsewhere/"}, {"elsewhere/db"}),
        ("apps", {"name_regexp": "^root$", "path": ""}, {"root"}),
        (None, {"name_regexp": "^(root|key)$"}, {"root", "apps/deep/er/key"}),
    ],
)
async def test_find(case: Case, folder: str | None, ref: dict[str, Any], paths: set[str]) -> None:
    case.vendor.ghosts = ["apps/ghost", "elsewhere/ghost"]
    async with case.lend(folder=folder) as client:
        hits = await found(client, **ref)
    assert {key.rpartition("/")[0] for key in hits} == paths
    if "apps/deep/er/key" in paths:
        assert hits["apps/deep/er/key/value"] == b"canary-deep"
    if "apps/db" in paths:
        assert hits["apps/db/port"] == b"5432"


async def test_find_where_lists_name_secrets_in_another_way(case: Case) -> None:
    case.vendor.secrets = {"apps/db": {"value": "canary-1"}, "apps/deep/db": {"value": "canary-2"}}
    case.vendor.shown = {"db": "apps/db", "/apps/deep/db": "apps/deep/db"}
    async with case.lend() as client:
        assert await found(client) == {"db/value": b"canary-1", "/apps/deep/db/value": b"canary-2"}


async def test_find_reads_every_hit_once(case: Case) -> None:
    case.vendor.secrets = {f"apps/{number:03}": {"value": str(number)} for number in range(50)}
    async with case.lend() as client:
        assert len(await found(client)) == 50
    assert case.stores.counted(CALLS, "ListSecrets") == 1
    assert case.stores.counted(CALLS, "GetSecret") == 50
    assert case.vendor.seen[0] == f"GET {BASE}/static?path=apps&recursive=true"


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ({"name_regexp": "^nothing$"}, NoSecretError),
        ({"tags": {"team": "none"}}, NoSecretError),
        ({"name_regexp": "^(empty|none)$"}, NoSecretError),
        ({"path": "nowhere"}, NoSecretError),
        ({"name_regexp": "("}, InvalidSpecError),
    ],
)
async def test_find_that_finds_nothing(case: Case, ref: dict[str, Any], error: type[EsoError]) -> None:
    async with case.lend() as client:
        with pytest.raises(error):
            await found(client, **ref)


# 4. PushSecret


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        for call in (
            client.push_secret(source(k="v"), entry("a", "k")),
            client.delete_secret(PushRemoteRef("a")),
            client.secret_exists(PushRemoteRef("a")),
        ):
            with pytest.raises(InvalidRequestError):
                await call


# 5. Capabilities, validation


async def test_validation_asks_for_the_session(case: Case) -> None:
    assert BeyondtrustWorkloadCredentialsProvider.capabilities is Capabilities.READ_ONLY
    assert BeyondtrustWorkloadCredentialsProvider.maintenance is Maintenance.MAINTAINED
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.vendor.seen == [f"GET {BASE}/session"]
    assert case.stores.counted(CALLS, "CheckSession") == 1
    async with case.lend(auth={"apikey": {"token": {"name": "bt", "key": "wrong"}}}) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await client.validate()
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("status", [204, 404, 302, 500])
async def test_only_200_is_a_session(case: Case, status: int) -> None:
    async with case.lend() as client:
        case.vendor.fault = (status, {"Location": "/canary"}, b"")
        with pytest.raises(ProviderError) as caught:
            await client.validate()
    assert not isinstance(caught.value, NoSecretError)


async def test_validation_where_nobody_listens(case: Case) -> None:
    async with case.stores.lend(case.spec(apiUrl="https://127.0.0.1:1/site")) as client:
        with pytest.raises(UnavailableError, match="cannot connect to the server of BeyondTrust"):
            await client.validate()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"apiUrl": ""}, "invalid apiUrl"),
        ({"apiUrl": "http://host"}, "invalid apiUrl"),
        ({"apiUrl": "https://"}, "invalid apiUrl"),
        ({"apiUrl": "host/path"}, "invalid apiUrl"),
        ({"siteId": ""}, "invalid siteId"),
        ({"siteId": "11111111-2222-3333-4444-555555555555"}, "invalid siteId"),
        ({"siteId": f"{STORE_SITE}\n"}, "invalid siteId"),
    ],
)
async def test_the_server_is_checked(case: Case, change: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(case.spec(**change))
    with pytest.raises(InvalidSpecError, match=text):
        async with case.stores.lend(case.spec(**change)):
            pass


async def test_references_are_checked(case: Case) -> None:
    def check(token: dict[str, str], *, cluster: bool = False, **more: Any) -> list[str]:
        return case.stores.check({**case.spec(), "auth": {"apikey": {"token": token}}, **more}, cluster=cluster)

    named = {"name": "bt", "key": "token"}
    assert check(named) == []
    assert check({**named, "namespace": "app"}) == []
    assert check({**named, "namespace": "x"}, cluster=True) == []
    for token, cluster, text in (
        (named, True, "requires namespace"),
        ({**named, "namespace": "x"}, False, "namespace"),
        ({"key": "token"}, False, "token name"),
    ):
        with pytest.raises(InvalidSpecError, match=text):
            check(token, cluster=cluster)
    ca = {"type": "Secret", "name": "a", "key": "k"}
    with pytest.raises(InvalidSpecError, match="namespace"):
        check(named, caProvider={**ca, "namespace": "x"})
    with pytest.raises(InvalidSpecError, match="namespace"):
        check({**named, "namespace": "x"}, cluster=True, caProvider=ca)


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, NoSecretError),
        (429, ThrottledError),
        (500, UnavailableError),
        (201, InvalidRequestError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        case.vendor.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b'{"error":"canary-body"}')
        for call in (value(client, "db"), found(client)):
            before = len(case.vendor.seen)
            with pytest.raises(error) as caught:
                await call
            assert len(case.vendor.seen) <= before + 1  # no retries; a store that was throttled waits
            assert type(caught.value) is error
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"canary",
        b'["canary"]',
        b'{"secret":"canary","data":"canary"}',
        b'{"secret":1,"data":1}',
        b'{"secret":[],"data":[1]}',
    ],
)
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend() as client:
        case.vendor.fault = (200, {}, body)
        for call in (value(client, "db"), mapped(client, "db"), found(client)):
            with pytest.raises(ProviderError) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


async def test_a_list_that_reports_an_error(case: Case) -> None:
    async with case.lend() as client:
        case.vendor.fault = (200, {}, b'{"data":[],"error":"canary"}')
        with pytest.raises(ProviderError, match="reports an error") as caught:
            await found(client)
    assert "canary" not in told(caught.value)
    assert not isinstance(caught.value, NoSecretError)
