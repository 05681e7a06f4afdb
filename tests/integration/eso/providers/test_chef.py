"""providers/chef.md, row by row, against a server that verifies signatures as Chef does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import aiohttp
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
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, SecretsClient, StoreContext, ValidationResult
from eso.providers.chef.provider import ChefProvider
from eso.providers.chef.spec import ChefSpec
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.chef import USER, Chef, pem_of, user_key
from tests.support.vendors.tokenserver import serving

REF = {"name": "chef", "key": "pem"}
BAGS: dict[str, dict[str, Any]] = {
    "db": {
        "main": {
            "id": "main",
            "password": "canary-password",
            "port": 5432,
            "n": {"k": "<&>", "list": ["x", 1]},
            "z": None,
        },
        "copy.2": {"id": "copy.2", "big": 1e21, "flag": True},
    },
    "empty": {},
}
MAIN = (
    '{"id":"main","n":{"k":"\\u003c\\u0026\\u003e","list":["x",1]},"password":"canary-password","port":5432,"z":null}'
)


class Case:
    def __init__(self, chef: Chef, stores: ProviderBench) -> None:
        self.chef = chef
        self.stores = stores

    def lend(self, **change: Any) -> Any:
        options = {name: change.pop(name) for name in ("cluster", "consumer", "uid") if name in change}
        ref = change.pop("ref", REF)
        spec = {
            "username": USER,
            "serverUrl": f"{self.chef.url}/organizations/acme/",
            "auth": {"secretRef": {"privateKeySecretRef": ref}},
        }
        return self.stores.lend({**spec, **change}, **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    chef = Chef(bags={bag: dict(items) for bag, items in BAGS.items()})
    async with serving(chef), bench(ChefProvider()) as stores:
        await stores.secret("chef", pem=pem_of(user_key()), short=pem_of(user_key(1024)), bad="canary", empty="")
        yield Case(chef, stores)


# 1. Authentication


async def test_signed_requests(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "db/main") == MAIN
    assert case.chef.seen == ["GET /organizations/acme/data/db/main"]
    assert case.stores.counted("Chef", "GetDataBagItem") == 1


@pytest.mark.parametrize("path", ["/organizations//acme/", "//organizations/acme//"])
async def test_slashes_are_single_where_they_are_signed(case: Case, path: str) -> None:
    async with case.lend(serverUrl=f"{case.chef.url}{path}") as client:
        assert await value(client, "db/main", "id") == "main"


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        ("none", ReferenceNotFoundError, "none"),
        ("empty", InvalidSpecError, "missing Secret Key"),
        ("bad", InvalidSpecError, "unable to create chef client"),
        ("short", InvalidSpecError, "too short"),
    ],
)
async def test_keys_that_cannot_be_used(case: Case, key: str, error: type[EsoError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        async with case.lend(ref={**REF, "key": key}):
            pass
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("username", ["a b", "a\nX-Other: b"])
async def test_usernames_that_cannot_be_used(case: Case, username: str) -> None:
    with pytest.raises(InvalidSpecError, match="username"):
        async with case.lend(username=username):
            pass


async def test_a_key_of_somebody_else(case: Case) -> None:
    case.chef.users[USER] = user_key(1024).public_key()
    async with case.lend() as client:
        with pytest.raises(AccessDeniedError, match="data bag item main not found in data bag db") as caught:
            await value(client, "db/main")
        assert "canary" not in told(caught.value)
        with pytest.raises(AccessDeniedError, match="unable to validate provided store") as caught:
            await client.validate()
    assert "canary" not in told(caught.value)


async def test_two_stores_do_not_share_a_connection(case: Case) -> None:
    other = Chef(bags={"db": {"main": {"id": "other"}}})
    async with serving(other), case.lend() as one, case.lend(serverUrl=f"{other.url}/organizations/acme/") as two:
        assert await value(two, "db/main", "id") == "other"
        assert await value(one, "db/main", "id") == "main"


async def test_a_cluster_store_says_where_its_key_is(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match=r"missing privateKeySecretRef\.Namespace"):
        async with case.lend(cluster=True):
            pass
    async with case.lend(cluster=True, consumer="other", ref={**REF, "namespace": "app"}) as client:
        assert await value(client, "db/main", "id") == "main"


async def test_the_clock_of_a_signature() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    chef = Chef(bags=BAGS, now=moment)
    for apart, works in ((timedelta(minutes=14), True), (timedelta(minutes=16), False)):
        provider = ChefProvider(lambda apart=apart: moment + apart)
        async with serving(chef), bench(provider) as stores:
            await stores.secret("chef", pem=pem_of(user_key()))
            async with Case(chef, stores).lend() as client:
                if works:
                    assert await client.validate() is ValidationResult.READY
                    continue
                with pytest.raises(AccessDeniedError):
                    await client.validate()


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        ("db/main", "", MAIN),
        ("db/main/more/segments", "", MAIN),
        ("db/copy.2", "", '{"big":1e+21,"flag":true,"id":"copy.2"}'),
        ("db/main", "password", "canary-password"),
        ("db/main", "n.k", "<&>"),
        ("db/main", "n.list.0", "x"),
        ("db/main", "port", ""),  # only texts
        ("db/main", "n", ""),
        ("db/main", "z", ""),
        ("db/main", "n.list.#", ""),
    ],
)
async def test_reading(case: Case, key: str, property: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version="7", metadata_policy="Fetch") == wanted


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [
        ("db/none", "", "data bag item none not found in data bag db"),
        ("none/main", "", "data bag item main not found in data bag none"),
        ("db/main", "absent", "property absent not found in data bag item"),
        ("db", "", "invalid key format in data section"),
        ("db/", "", "invalid key format in data section"),
        ("/main", "", "invalid key format in data section"),
        ("db//main", "", "invalid key format in data section"),
        ("../users", "", "names may only hold"),
        ("db/..", "", "names may only hold"),
        ("db/a?b", "", "names may only hold"),
    ],
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. extract and find


async def test_extract_reads_a_data_bag(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "db", "ignored") == {
            "main": MAIN,
            "copy.2": '{"big":1e+21,"flag":true,"id":"copy.2"}',
        }
        assert await mapped(client, "empty") == {}
    assert case.stores.counted("Chef", "ListDataBagItems") == 2
    assert case.stores.counted("Chef", "GetDataBagItem") == 2


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("db/main", "invalid key format in dataForm section"),
        ("none", "unable to list items in data bag none"),
        ("", "unable to list items"),
    ],
)
async def test_extract_that_fails(case: Case, key: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match=text) as caught:
            await mapped(client, key)
    assert "canary" not in told(caught.value)


async def test_extract_with_an_item_that_fails(case: Case) -> None:
    case.chef.fail_items["copy.2"] = 403
    async with case.lend() as client:
        with pytest.raises(AccessDeniedError, match=r"data bag item copy\.2 not found in data bag db"):
            await mapped(client, "db")


async def test_find_is_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(name_regexp="."))


# 4. PushSecret


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("db/main", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("db/main"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("db/main"))
    assert case.chef.seen == []


# 5. Validation


async def test_validation_reads_the_user(case: Case) -> None:
    assert ChefProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.chef.seen == ["GET /organizations/acme/users/ann"]
    assert case.stores.counted("Chef", "GetUser") == 1


@pytest.mark.parametrize(
    ("change", "cluster", "text"),
    [
        ({"username": ""}, False, "received invalid Chef SecretStore resource: missing username"),
        ({"serverUrl": ""}, False, "missing serverurl"),
        ({"serverUrl": "https://chef.example.com/organizations/acme"}, False, "does not end with slash"),
        ({"serverUrl": "chef.example.com/"}, False, "invalid serverurl"),
        ({"serverUrl": "https://chef.example.com:x/"}, False, "invalid serverurl"),
        ({"auth": {"secretRef": {"privateKeySecretRef": {"name": "a"}}}}, False, "missing Secret Key"),
        ({"auth": {"secretRef": {"privateKeySecretRef": {**REF, "namespace": "x"}}}}, False, "namespace"),
        ({}, True, "namespace"),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], cluster: bool, text: str) -> None:
    spec: dict[str, Any] = {
        "username": USER,
        "serverUrl": "https://chef.example.com/organizations/acme/",
        "auth": {"secretRef": {"privateKeySecretRef": REF}},
    }
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, **change}, cluster=cluster)
    assert case.stores.check(spec) == []
    everywhere = {"secretRef": {"privateKeySecretRef": {**REF, "namespace": "x"}}}
    assert case.stores.check({**spec, "auth": everywhere}, cluster=True) == []


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (406, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.chef.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
    async with case.lend() as client:
        with pytest.raises(error, match="not found in data bag") as caught:
            await value(client, "db/main")
        assert "canary" not in told(caught.value) + caplog.text
    async with case.lend() as client:
        with pytest.raises(error, match="unable to list items") as caught:
            await mapped(client, "db")
        assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value) + caplog.text
    assert len(case.chef.seen) == 2  # no retries


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b"null"])
async def test_malformed_answers(case: Case, body: bytes) -> None:
    case.chef.fault = (200, {}, body)
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="answer") as caught:
            await mapped(client, "db")
    assert "canary" not in told(caught.value)


class Watched:
    """A context that notes how long its sessions wait."""

    def __init__(self, context: StoreContext, limits: list[float | None]) -> None:
        self._context = context
        self._limits = limits

    def http(self, base_url: str = "", **options: Any) -> aiohttp.ClientSession:
        session = self._context.http(base_url, **options)
        self._limits.append(session.timeout.total)
        return session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


async def test_a_request_may_take_25_seconds() -> None:
    limits: list[float | None] = []

    class Watching(ChefProvider):
        async def new_client(self, spec: ChefSpec, context: StoreContext) -> SecretsClient:
            return await super().new_client(spec, cast(StoreContext, Watched(context, limits)))

    chef = Chef()
    async with serving(chef), bench(Watching()) as stores:
        await stores.secret("chef", pem=pem_of(user_key()))
        async with Case(chef, stores).lend():
            assert limits == [25.0]
