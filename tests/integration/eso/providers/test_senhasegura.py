"""providers/senhasegura.md, row by row, against a server that speaks senhasegura's API."""

from __future__ import annotations

import asyncio
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
from eso.providers.senhasegura.provider import SenhaseguraProvider
from tests.support.gate import Gate
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.senhasegura import CLIENT, CLIENT_SECRET, Senhasegura, secret
from tests.support.vendors.tokenserver import serving

AUTH = {"clientId": CLIENT, "clientSecretSecretRef": {"name": "dsm", "key": "secret"}}
SECRETS = [
    secret("db", {"user": "ann", "password": "canary<&>"}, {"port": "5432", "user": "bob"}),
    secret("web", {"user": "eve", "a.b": "dotted"}),
    secret("db", {"late": "canary-late", "port": "1"}),
    secret("empty"),
    {**secret("null"), "data": None},
    {**secret("odd"), "data": "canary"},
    {"identity": "bare", "data": [{"n": 5, "none": None, "more": {"b": 1, "a": "<"}}]},
]
CALLS = "senhasegura/DSM"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, vendor: Senhasegura, gate: Gate, stores: ProviderBench, clock: Clock) -> None:
        self.vendor = vendor
        self.gate = gate
        self.stores = stores
        self.clock = clock

    def spec(self, **more: Any) -> dict[str, Any]:
        return {"url": self.gate.url, "module": "DSM", "auth": AUTH, "ignoreSslCertificate": True, **more}

    def lend(self, spec: dict[str, Any] | None = None, **options: Any) -> Any:
        return self.stores.lend(self.spec(**(spec or {})), **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    vendor, clock = Senhasegura(secrets=list(SECRETS)), Clock()
    async with serving(vendor), Gate(vendor.url) as gate, bench(SenhaseguraProvider(clock)) as stores:
        await stores.secret("dsm", secret=CLIENT_SECRET, wrong="canary-wrong")
        yield Case(vendor, gate, stores, clock)


# 1. Auth


async def test_signing_in_once(case: Case) -> None:
    async with case.lend() as client:
        assert case.vendor.seen == []
        assert await value(client, "web", "user") == "eve"
    assert case.vendor.seen == ["POST /iso/oauth2/token", "GET /iso/dapp/application"]
    assert case.stores.counted(CALLS, "GetToken") == 1
    assert case.stores.counted(CALLS, "GetApplication") == 1


@pytest.mark.parametrize("url", ["{}/path/to", "{}/", "{}?query=1#fragment"])
async def test_a_path_in_the_url_is_discarded(case: Case, url: str) -> None:
    async with case.lend({"url": url.format(case.gate.url)}) as client:
        assert await value(client, "web", "user") == "eve"
    assert case.vendor.seen == ["POST /iso/oauth2/token", "GET /iso/dapp/application"]


@pytest.mark.parametrize(("lifetime", "seconds"), [(100, 90), (None, 300), (0, 300)])
async def test_a_token_is_replaced_before_it_ends(case: Case, lifetime: int | None, seconds: float) -> None:
    case.vendor.lifetime = lifetime
    async with case.lend() as client:
        await client.validate()
        case.clock.now += seconds - 1
        await client.validate()
        assert case.vendor.issued == 1
        case.clock.now += 2
        await client.validate()
    assert case.vendor.issued == 2


@pytest.mark.parametrize("said", [{}, {"error": True, "status": 401}])
async def test_a_refused_token_is_replaced_once(case: Case, said: dict[str, Any]) -> None:
    async with case.lend() as client:
        await client.validate()
        case.vendor.tokens.clear()
        await client.validate()
        assert case.vendor.issued == 2
        case.vendor.said = said
        case.vendor.client_secret = "another"
        case.vendor.tokens.clear()
        with pytest.raises(AccessDeniedError, match="signing in") as caught:
            await client.validate()
    assert "canary" not in told(caught.value)


async def test_wrong_credentials(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    wrong = {**AUTH, "clientSecretSecretRef": {"name": "dsm", "key": "wrong"}}
    async with case.lend({"auth": wrong}) as client:
        with pytest.raises(AccessDeniedError, match="check the credentials") as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"module": "PAM"}, InvalidSpecError, "unknown senhasegura Provider Service: PAM"),
        ({"url": "http://host"}, InvalidSpecError, "must be HTTPS"),
        (
            {"auth": {**AUTH, "clientSecretSecretRef": {"name": "gone", "key": "k"}}},
            ReferenceNotFoundError,
            "gone",
        ),
        ({"auth": {**AUTH, "clientSecretSecretRef": {"name": "dsm", "key": "k"}}}, ReferenceNotFoundError, '"k"'),
    ],
)
async def test_what_makes_no_client(case: Case, change: dict[str, Any], error: type[EsoError], text: str) -> None:
    with pytest.raises(error, match=text):
        async with case.lend(change):
            pass


async def test_certificates_are_checked_unless_the_store_says_no(case: Case) -> None:
    async with case.lend({"ignoreSslCertificate": None}) as client:
        with pytest.raises(UnavailableError):
            await value(client, "db")
    assert case.vendor.seen == []


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        ("db", "", '[{"password":"canary\\u003c\\u0026\\u003e","user":"ann"},{"port":"5432","user":"bob"}]'),
        ("db", "password", "canary<&>"),
        ("db", "user", "ann"),
        ("db", "port", "5432"),
        ("db", "late", "canary-late"),
        ("web", "user", "eve"),
        ("web", "a.b", "dotted"),
        ("empty", "", "[]"),
        ("null", "", "[]"),
        ("bare", "", '[{"more":"{\\"a\\":\\"\\\\u003c\\",\\"b\\":1}","n":"5","none":""}]'),
        ("bare", "n", "5"),
    ],
)
async def test_reading(case: Case, key: str, property: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version="7", metadata_policy="Fetch") == wanted


@pytest.mark.parametrize(("key", "property"), [("gone", ""), ("gone", "user"), ("db", "gone"), ("db", "a.b"), ("", "")])
async def test_what_is_missing(case: Case, key: str, property: str) -> None:
    async with case.lend() as client:
        with pytest.raises(NoSecretError):
            await value(client, key, property)


async def test_an_application_without_secrets(case: Case) -> None:
    case.vendor.application = {"name": CLIENT, "secrets": None}
    async with case.lend() as client:
        with pytest.raises(NoSecretError):
            await value(client, "db")


async def test_an_odd_secret_fails_alone(case: Case) -> None:
    async with case.lend() as client:
        for read in (value(client, "odd"), value(client, "odd", "user"), mapped(client, "odd")):
            with pytest.raises(ProviderError, match="no list of objects") as caught:
                await read
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)
        assert await value(client, "web", "user") == "eve"


async def test_reads_that_run_together_are_one_request(case: Case) -> None:
    async with case.lend() as client:
        found = await asyncio.gather(*(value(client, key, "user") for key in ("db", "web") * 5))
    assert found == ["ann", "eve"] * 5
    assert case.stores.counted(CALLS, "GetApplication") == 1


# 3. dataFrom


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "db", "ignored") == {
            "user": "bob",
            "password": "canary<&>",
            "port": "1",
            "late": "canary-late",
        }
        assert await mapped(client, "web") == {"user": "eve", "a.b": "dotted"}
        assert await mapped(client, "empty") == {}
        with pytest.raises(NoSecretError):
            await mapped(client, "gone")


async def test_find_is_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(name_regexp="."))


# 4. Push


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        for call in (
            client.push_secret(source(k="v"), entry("a", "k")),
            client.delete_secret(PushRemoteRef("a")),
            client.secret_exists(PushRemoteRef("a")),
        ):
            with pytest.raises(InvalidRequestError):
                await call
    assert case.vendor.seen == []


# 5. Store


async def test_validation_reads_the_secrets(case: Case) -> None:
    assert SenhaseguraProvider.capabilities is Capabilities.READ_ONLY
    assert SenhaseguraProvider.maintenance is Maintenance.MAINTAINED
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert case.vendor.seen == ["POST /iso/oauth2/token", "GET /iso/dapp/application"]
        case.vendor.fault = (500, {}, b"canary")
        with pytest.raises(UnavailableError):
            await client.validate()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"url": ""}, "must be HTTPS"),
        ({"url": "http://host"}, "must be HTTPS"),
        ({"url": "https://[::1"}, "invalid senhasegura URL"),
        ({"url": "https:///path"}, "no host"),
        ({"auth": {**AUTH, "clientId": ""}}, "Client ID"),
        (
            {"auth": {**AUTH, "clientSecretSecretRef": {"name": "a", "key": "k", "namespace": "x"}}},
            "auth.clientSecretSecretRef",
        ),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(case.spec(**change))


async def test_references_of_cluster_stores_need_a_namespace(case: Case) -> None:
    assert case.stores.check(case.spec()) == []
    with pytest.raises(InvalidSpecError, match="requires namespace"):
        case.stores.check(case.spec(), cluster=True)
    named = {**AUTH, "clientSecretSecretRef": {"name": "dsm", "key": "secret", "namespace": "app"}}
    assert case.stores.check(case.spec(auth=named), cluster=True) == []
    async with case.lend({"auth": named}, cluster=True, consumer="other") as client:
        assert await value(client, "web", "user") == "eve"


# 6. API


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        (201, InvalidRequestError, 1),
        (302, InvalidRequestError, 1),
        (400, InvalidRequestError, 1),
        (403, AccessDeniedError, 1),
        (404, InvalidRequestError, 1),
        (429, ThrottledError, 1),
        (500, UnavailableError, 1),
    ],
)
async def test_failures(
    case: Case, status: int, error: type[EsoError], requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    for began in (False, True):  # at signing in, and later
        case.vendor.fault = None
        async with case.lend() as client:
            if began:
                await client.validate()
            before = len(case.vendor.seen)
            case.vendor.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b'{"canary":1}')
            with pytest.raises(ProviderError) as caught:
                await client.validate()
            assert isinstance(caught.value, error) or (status == 400 and not began)
            assert not isinstance(caught.value, NoSecretError)
            assert len(case.vendor.seen) == before + requests
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"error": True}, ProviderError),
        ({"error": True, "status": 403}, AccessDeniedError),
        ({"error": True, "status": 404}, InvalidRequestError),
        ({"error": True, "status": "canary"}, ProviderError),
    ],
)
async def test_an_error_of_the_application(case: Case, said: dict[str, Any], error: type[EsoError]) -> None:
    case.vendor.said = said
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await value(client, "db")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"canary",
        b'"canary"',
        b"{}",
        b'{"application":"canary"}',
        b'{"application":{"secrets":"canary"}}',
        b'{"application":{"secrets":["canary"]}}',
        b'{"access_token":"canary\\n"}',
    ],
)
async def test_malformed_answers(case: Case, body: bytes) -> None:
    for began in (False, True):
        case.vendor.fault = None
        async with case.lend() as client:
            if began:
                await client.validate()
            case.vendor.fault = (200, {}, body)
            with pytest.raises(ProviderError) as caught:
                await value(client, "gone")
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)
