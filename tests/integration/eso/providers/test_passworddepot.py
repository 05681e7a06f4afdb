"""providers/passworddepot.md, row by row, against a server that speaks its API."""

from __future__ import annotations

import asyncio
import inspect
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
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.passworddepot.provider import PasswordDepotProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.passworddepot import PASSWORD, USER, PasswordDepot, item
from tests.support.vendors.tokenserver import serving

VENDOR = "PasswordDepot/EnterpriseServer"
FIELDS = [
    "name",
    "fingerprint",
    "itemclass",
    "login",
    "pass",
    "url",
    "importance",
    "comment",
    "expirydate",
    "tags",
    "author",
    "category",
    "icon",
    "secondeye",
    "secondpass",
    "template",
    "acm",
    "paramstr",
    "loginid",
    "passid",
    "donotaddon",
    "markassafe",
    "safemode",
]
DB = item("db", login="ann", **{"pass": "canary-pass"}, url="https://db", secondeye=None, importance=2, markassafe=True)


def tree() -> dict[str, list[dict[str, Any]]]:
    return {
        "team old": [item("db", **{"pass": "of the old team"})],
        "team": [
            item("old db", **{"pass": "of the old db"}),
            DB,
            item("folder", item("sub folder", item("deep key", **{"pass": "canary-deep"})), item("flat", login="bob")),
            item("empty"),
        ],
    }


class Case:
    def __init__(self, depot: PasswordDepot, stores: ProviderBench) -> None:
        self.depot = depot
        self.stores = stores

    def lend(self, database: str = "team", credentials: dict[str, Any] | None = None, **options: Any) -> Any:
        return self.stores.lend(spec(database, credentials), **options)


def spec(database: str = "team", credentials: dict[str, Any] | None = None) -> dict[str, Any]:
    auth = {"secretRef": {"credentials": credentials or {"name": "depot"}}}
    return {"host": "127.0.0.1", "database": database, "auth": auth}


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    depot = PasswordDepot(databases=tree())
    async with serving(depot):
        url = depot.url.replace("127.0.0.1", "{host}")
        async with bench(PasswordDepotProvider(url)) as stores:
            await stores.secret("depot", username=USER, password=PASSWORD)
            yield Case(depot, stores)


# 1. Authentication


def test_scheme_and_port_are_fixed() -> None:
    assert inspect.signature(PasswordDepotProvider).parameters["url"].default == "https://{host}:8714"


async def test_sign_in_when_the_client_is_made(case: Case) -> None:
    async with case.lend(credentials={"name": "depot", "key": "ignored"}) as client:
        assert case.depot.seen == ["GET /v1.0/login"]
        assert await value(client, "db", "pass") == "canary-pass"
        assert await value(client, "folder.flat", "login") == "bob"
    assert case.depot.logins == 1
    assert case.stores.counted(VENDOR, "Login") == 1


async def test_a_session_that_ended_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        case.depot.sessions.clear()
        assert await value(client, "db", "pass") == "canary-pass"
        assert case.depot.logins == 2
        case.depot.sessions.clear()
        case.depot.users.clear()
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "folder.flat", "pass")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({}, InvalidSpecError),
        ({"username": USER}, InvalidSpecError),
        ({"password": PASSWORD}, InvalidSpecError),
        ({"username": "", "password": PASSWORD}, InvalidSpecError),
        ({"username": USER, "password": ""}, InvalidSpecError),
        ({"username": USER, "password": f"{PASSWORD}\n"}, InvalidSpecError),
        ({"username": USER, "password": "canary-wrong"}, AccessDeniedError),
    ],
)
async def test_credentials_that_do_not_work(case: Case, data: dict[str, Any], error: type[EsoError]) -> None:
    await case.stores.secret("other", **data)
    with pytest.raises(error, match="credentials") as caught:
        async with case.lend(credentials={"name": "other"}):
            pass
    assert "canary" not in told(caught.value)
    assert case.depot.logins == 0


async def test_a_missing_secret(case: Case) -> None:
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(credentials={"name": "none"}):
            pass


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, b"canary", AccessDeniedError),
        (404, b"canary", InvalidRequestError),
        (302, b"canary", InvalidRequestError),
        (500, b"canary", UnavailableError),
        (200, b"canary", ProviderError),
        (200, b"[]", ProviderError),
        (200, b'{"client_id": "canary"}', ProviderError),
        (200, b'{"client_id": "canary", "access_token": "canary\\n"}', ProviderError),
    ],
)
async def test_a_sign_in_that_fails(case: Case, status: int, body: bytes, error: type[EsoError]) -> None:
    case.depot.fault = (status, {}, body)
    with pytest.raises(error, match="signing in at Password Depot") as caught:
        async with case.lend():
            pass
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


async def test_a_cluster_store_must_name_the_namespace(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
        async with case.lend(cluster=True):
            pass
    named = {"name": "depot", "namespace": "app"}
    async with case.lend(credentials=named, cluster=True, consumer="other") as client:
        assert await value(client, "db", "pass") == "canary-pass"


# 2. remoteRef


@pytest.mark.parametrize(
    ("database", "key", "property", "wanted"),
    [
        ("team", "db", "pass", "canary-pass"),  # the whole name wins over a part of an earlier one
        ("team", "old", "pass", "of the old db"),
        ("team", "d", "pass", "of the old db"),  # the first whose name contains it
        ("tea", "db", "pass", "of the old team"),
        ("old", "db", "pass", "of the old team"),
        ("team", "folder.sub folder.deep key", "pass", "canary-deep"),
        ("team", "fold.sub.deep", "pass", "canary-deep"),
        ("team", "folder.flat", "login", "bob"),
        ("team", "db", "name", "db"),
        ("team", "db", "fingerprint", "{db &+}"),
        ("team", "db", "secondeye", ""),
        ("team", "db", "comment", ""),
        ("team", "db", "importance", "2"),
        ("team", "db", "markassafe", "true"),
    ],
)
async def test_reading(case: Case, database: str, key: str, property: str, wanted: str) -> None:
    async with case.lend(database) as client:
        assert await value(client, key, property, version="7", metadata_policy="Fetch") == wanted


async def test_requests(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "folder.flat", "login")
        await value(client, "folder.flat", "pass")
    assert case.depot.seen == [
        "GET /v1.0/login",
        "GET /v1.0/list",
        "GET /v1.0/list?db=%7Bteam%7D",
        "GET /v1.0/list?db=%7Bteam%7D&folder=%7Bfolder%20%26%2B%7D",
        "GET /v1.0/read?db=%7Bteam%7D&entry=%7Bflat%20%26%2B%7D",
    ]
    for call, times in (("ListDatabases", 1), ("ListEntries", 2), ("ReadEntry", 1)):
        assert case.stores.counted(VENDOR, call) == times


@pytest.mark.parametrize(
    ("database", "key", "property", "text"),
    [
        ("team", "db", "", "key not found in secret data"),
        ("team", "db", "password", "key not found in secret data"),
        ("team", "db", "date", "key not found in secret data"),
        ("none", "db", "pass", "database none not found"),
        ("team", "none", "pass", "secret none not found: there is no none in database team"),
        ("team", "folder.none.x", "pass", "secret folder.none.x not found: there is no none in folder"),
        ("team", "empty.x", "pass", "there is no x in empty"),
        ("team", "", "pass", "not found"),
        ("team", "folder.", "pass", "not found"),
    ],
)
async def test_what_is_missing_is_a_plain_error(case: Case, database: str, key: str, property: str, text: str) -> None:
    async with case.lend(database) as client:
        with pytest.raises(InvalidRequestError, match=text) as caught:
            await value(client, key, property)
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (403, {}, b"canary", AccessDeniedError),
        (404, {}, b"canary", InvalidRequestError),
        (429, {"Retry-After": "3"}, b"canary", ThrottledError),
        (500, {}, b"canary", UnavailableError),
        (200, {}, b"canary", ProviderError),
        (200, {}, b'{"databases": {}}', ProviderError),
        (200, {}, b'{"databases": ["canary"]}', ProviderError),
        (200, {}, b'{"databases": [{"name": "team"}]}', ProviderError),
        (200, {}, b"{}", InvalidRequestError),
    ],
)
async def test_answers_that_are_no_success(
    case: Case, status: int, headers: dict[str, str], body: bytes, error: type[EsoError]
) -> None:
    async with case.lend() as client:
        case.depot.fault = (status, headers, body)
        with pytest.raises(error) as caught:
            await value(client, "db", "pass")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        found = await mapped(client, "db", "ignored")
        assert list(found) == FIELDS
        given = {"name": "db", "fingerprint": "{db &+}", "login": "ann", "pass": "canary-pass", "url": "https://db"}
        assert {name: text for name, text in found.items() if text} == {
            **given,
            "importance": "2",
            "markassafe": "true",
        }
        with pytest.raises(InvalidRequestError, match="not found"):
            await mapped(client, "none")


# 3, 4. What is not implemented


async def test_find_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        for call in (
            client.get_all_secrets(FindRef(name_regexp=".")),
            client.push_secret(source(k="v"), entry("a", "k")),
            client.delete_secret(PushRemoteRef("a")),
            client.secret_exists(PushRemoteRef("a")),
        ):
            with pytest.raises(InvalidRequestError, match="not supported"):
                await call
    assert case.depot.seen == ["GET /v1.0/login"]


# 5. Store


async def test_validation_asks_nobody(case: Case) -> None:
    assert PasswordDepotProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.depot.seen == ["GET /v1.0/login"]


@pytest.mark.parametrize(
    ("change", "cluster", "text"),
    [
        ({"host": ""}, False, "host must be"),
        ({"host": "https://depot"}, False, "host must be"),
        ({"host": "depot:8714"}, False, "host must be"),
        ({"host": "depot/x"}, False, "host must be"),
        ({"host": "me@depot"}, False, "host must be"),
        ({"database": ""}, False, "database cannot be empty"),
        ({"auth": {"secretRef": {}}}, False, "credentials are empty"),
        ({"auth": {"secretRef": {"credentials": {"key": "a"}}}}, False, "credentials are empty"),
        ({"auth": {"secretRef": {"credentials": {"name": "a", "namespace": "b"}}}}, False, "namespace should either"),
        ({}, True, "cluster scope requires namespace"),
    ],
)
def test_validate_store(change: dict[str, Any], cluster: bool, text: str) -> None:
    found = ProviderBench(PasswordDepotProvider(), None, {})  # type: ignore[arg-type]
    with pytest.raises(InvalidSpecError, match=text):
        found.check({**spec(), **change}, cluster=cluster)


@pytest.mark.parametrize("host", ["depot", "depot.example.com.", "my_host-1.local", "10.0.0.1", "::1", "[fd00::1]"])
def test_hosts(host: str) -> None:
    found = ProviderBench(PasswordDepotProvider(), None, {})  # type: ignore[arg-type]
    assert found.check({**spec(), "host": host}) == []


# 9. State


async def test_stores_do_not_share_their_clients(case: Case) -> None:
    async with case.lend("team") as one, case.lend("team old") as other:
        found = await asyncio.gather(*(value(each, "db", "pass") for each in (one, other, one)))
    assert found == ["canary-pass", "of the old team", "canary-pass"]
