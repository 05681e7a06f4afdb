"""providers/conjur.md, row by row, against a server that speaks Conjur's API."""

from __future__ import annotations

import asyncio
import base64
import json
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
from eso.providers.conjur.auth import appliance_url
from eso.providers.conjur.provider import ConjurProvider
from eso.stores.broker import BrokerSettings
from eso.stores.circuit import BreakerSettings
from eso.values import reveal_all
from tests.support.keypairs import key_pair
from tests.support.mutualtls import over_mutual_tls
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.conjur import API_KEY, JWT, Conjur
from tests.support.vendors.tokenserver import serving

KEY = {
    "account": "acme",
    "userRef": {"name": "conjur", "key": "user"},
    "apiKeyRef": {"name": "conjur", "key": "key"},
}
TOKEN = {"account": "acme", "serviceID": "svc", "secretRef": {"name": "conjur", "key": "token"}}
CERT = {
    "account": "acme",
    "serviceID": "svc",
    "clientCertRef": {"name": "pair", "key": "crt"},
    "clientKeyRef": {"name": "pair", "key": "key"},
}
VARIABLES: dict[str, bytes | None] = {
    "app/db/password": b"canary-password",
    "app/db/user": b"ann",
    "app/doc": b'{"a":"x","n":{"k":1},"dot.ted":"y"}',
    "app/texts": b'{"a":"x","b":null}',
    "app/binary": b"\xff\x00canary",
    "app/empty": None,
    "odd/a,b": b"comma",
    "odd/name with:colon": b"colon",
}
TAGGED = {"app/db/password": {"team": "db", "env": "prod"}, "app/db/user": {"team": "db", "env": "test"}}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, conjur: Conjur, stores: ProviderBench, clock: Clock) -> None:
        self.conjur = conjur
        self.stores = stores
        self.clock = clock

    def lend(self, auth: dict[str, Any] | None = None, **more: Any) -> Any:
        spec = {"url": self.conjur.url, "auth": auth or {"apikey": KEY}}
        options = {name: more.pop(name) for name in ("cluster", "consumer", "uid") if name in more}
        return self.stores.lend({**spec, **more}, **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    conjur = Conjur(variables=dict(VARIABLES), annotations=dict(TAGGED))
    clock = Clock()
    async with serving(conjur), bench(ConjurProvider(clock)) as stores:
        await stores.secret("conjur", user="host/reader", key=API_KEY, token=JWT, wrong="canary-wrong")
        yield Case(conjur, stores, clock)


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 1. Authentication


async def test_api_key(case: Case) -> None:
    async with case.lend() as client:
        assert case.conjur.seen == []  # lazy, at the first read
        assert await value(client, "app/db/user") == "ann"
        assert await value(client, "app/db/password") == "canary-password"
    assert case.conjur.seen[:2] == [
        "POST /authn/acme/host%2Freader/authenticate",
        "GET /secrets/acme/variable/app%2Fdb%2Fuser",
    ]
    assert case.conjur.signed_in == ["host/reader"]
    assert case.stores.counted("CyberArk/Conjur", "Authenticate") == 1
    assert case.stores.counted("CyberArk/Conjur", "RetrieveSecret") == 2


@pytest.mark.parametrize(
    ("auth", "path", "identity"),
    [
        (TOKEN, "/authn-jwt/svc/acme/authenticate", "jwt:"),
        ({**TOKEN, "secretRef": {"name": "conjur"}}, "/authn-jwt/svc/acme/authenticate", "jwt:"),
        ({**TOKEN, "hostId": "host/a b"}, "/authn-jwt/svc/acme/host%2Fa%20b/authenticate", "jwt:host/a b"),
        ({**TOKEN, "secretRef": {"name": "none"}, "serviceAccountRef": {"name": "robot"}}, None, "jwt:"),
    ],
)
async def test_jwt(case: Case, auth: dict[str, Any], path: str | None, identity: str) -> None:
    async with case.lend({"jwt": auth}) as client:
        assert await value(client, "app/db/user") == "ann"
    assert path is None or case.conjur.seen[0] == f"POST {path}"
    assert case.conjur.signed_in == [identity]


async def test_service_account_token_has_the_audiences_and_ten_minutes(case: Case) -> None:
    shown: list[dict[str, Any]] = []
    accepts = case.conjur._of_account

    def recorded(token: str) -> bool:
        shown.append(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))
        return accepts(token)

    case.conjur._of_account = recorded  # type: ignore[method-assign]
    account = {"name": "robot", "audiences": ["conjur"]}
    async with case.lend({"jwt": {"account": "acme", "serviceID": "svc", "serviceAccountRef": account}}) as client:
        await value(client, "app/db/user")
    assert shown[0]["aud"] == ["conjur"]
    assert 590 <= shown[0]["exp"] - shown[0]["iat"] <= 610
    assert shown[0]["sub"] == "system:serviceaccount:app:robot"


@pytest.mark.parametrize(
    ("host", "path", "identity"),
    [
        ("app", "host%2Fapp/", "cert:host/app"),
        ("host/app", "host%2Fapp/", "cert:host/app"),
        (None, "", "cert:"),  # SPIFFE: the certificate says who it is
    ],
)
async def test_client_certificate(case: Case, host: str | None, path: str, identity: str) -> None:
    certificate, key = (part.decode() for part in key_pair())
    await case.stores.secret("pair", crt=certificate, key=key)
    auth = {"cert": {**CERT, **({"hostId": host} if host else {})}}
    async with over_mutual_tls(case.conjur) as url, case.lend(auth, url=url, caBundle=certificate) as client:
        assert await value(client, "app/db/user") == "ann"
    assert case.conjur.seen[0] == f"POST /authn-cert/svc/acme/{path}authenticate"
    assert case.conjur.signed_in == [identity]


async def test_client_certificate_needs_https(case: Case) -> None:
    async with case.lend({"cert": CERT}) as client:
        with pytest.raises(InvalidSpecError, match="https"):
            await value(client, "app/db/user")
    assert case.conjur.seen == []


@pytest.mark.parametrize(
    ("lifetime", "kept", "over"), [(None, 299, 301), (60.0, 50, 52), (1000.0, 849, 851)], ids=["iat", "60", "1000"]
)
async def test_access_tokens_are_replaced_in_time(case: Case, lifetime: float | None, kept: float, over: float) -> None:
    case.conjur.lifetime = lifetime
    async with case.lend() as client:
        await value(client, "app/db/user")
        case.clock.now += kept
        await value(client, "app/doc")
        assert len(case.conjur.signed_in) == 1
        case.clock.now += over - kept
        await value(client, "app/db/password")
        assert len(case.conjur.signed_in) == 2


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "app/db/user")
        case.conjur.tokens.clear()
        await value(client, "app/doc")
        assert len(case.conjur.signed_in) == 2
        case.conjur.tokens.clear()
        case.conjur.api_keys.clear()
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "app/db/password")
    assert "canary" not in told(caught.value)


async def test_a_wrong_key(case: Case) -> None:
    wrong = {"apikey": {**KEY, "apiKeyRef": {"name": "conjur", "key": "wrong"}}}
    async with case.lend(wrong) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "app/db/user")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("body", [b"canary", b"[]", b'{"protected":"a","payload":"e30=","signature":"c"}', b"{}"])
async def test_an_answer_that_is_no_token(case: Case, body: bytes) -> None:
    case.conjur.fault = (200, {}, body)
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="token") as caught:
            await value(client, "app/db/user")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://conjur.example.com/", "https://conjur.example.com"),
        ("https://conjur.example.com/sub", "https://conjur.example.com/sub"),
        ("https://acme.secretsmgr.cyberark.cloud", "https://acme.secretsmgr.cyberark.cloud/api"),
        ("https://acme.secretsmgr.cyberark.cloud/api/", "https://acme.secretsmgr.cyberark.cloud/api"),
        ("https://acme-secretsmanager.pt-cyberark.cloud", "https://acme-secretsmanager.pt-cyberark.cloud/api"),
        (
            "https://a.secretsmgr.cyberark-everest-pre-prod.cloud",
            "https://a.secretsmgr.cyberark-everest-pre-prod.cloud/api",
        ),
        ("https://secretsmgr.cyberark.cloud.example.com", "https://secretsmgr.cyberark.cloud.example.com"),
    ],
)
def test_hosts_of_the_cloud_have_their_api_below(url: str, wanted: str) -> None:
    assert appliance_url(url) == wanted


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        ("app/db/password", "", "canary-password"),
        ("variable:app/db/user", "", "ann"),
        ("acme:variable:app/db/user", "", "ann"),
        ("odd/name with:colon", "", "colon"),
        ("odd/a,b", "", "comma"),
        ("app/doc", "n.k", "1"),
        ("app/doc", "n", '{"k":1}'),
        ("app/doc", "dot\\.ted", "y"),
    ],
)
async def test_reading(case: Case, key: str, property: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version="7", metadata_policy="Fetch") == wanted


@pytest.mark.parametrize(
    ("key", "property", "text"), [("none", "", "404"), ("app/empty", "", "404"), ("app/doc", "absent", "absent")]
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


async def test_what_is_forbidden(case: Case) -> None:
    case.conjur.forbidden.add("app/db/user")
    async with case.lend() as client:
        with pytest.raises(AccessDeniedError):
            await value(client, "app/db/user")
    assert len(case.conjur.signed_in) == 1


# 3. extract and find


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "app/texts") == {"a": "x", "b": ""}
        for key in ("app/doc", "app/db/password"):
            with pytest.raises(ProviderError, match="unable to unmarshal") as caught:
                await mapped(client, key)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "wanted"),
    [
        ({"name_regexp": "^app/db/"}, {"app/db/password", "app/db/user"}),
        ({"name_regexp": "user$", "tags": {"team": "other"}}, {"app/db/user"}),
        ({"name_regexp": "db", "path": "ignored"}, {"app/db/password", "app/db/user"}),
        ({"tags": {"team": "db"}}, {"app/db/password", "app/db/user"}),
        ({"tags": {"team": "db", "env": "prod"}}, {"app/db/password"}),
        ({"tags": {}}, set(VARIABLES) - {"app/empty"}),
        ({}, set(VARIABLES) - {"app/empty"}),
    ],
)
async def test_find(case: Case, ref: dict[str, Any], wanted: set[str]) -> None:
    del case.conjur.variables["app/empty"]
    async with case.lend() as client:
        assert await found(client, **ref) == {key: VARIABLES[key] for key in wanted}


async def test_find_reads_pages_and_batches(case: Case) -> None:
    case.conjur.variables = {f"many/{number:04}": b"%d" % number for number in range(200)}
    async with case.lend() as client:
        assert await found(client, name_regexp=".") == case.conjur.variables
    listed = [path for path in case.conjur.seen if "/resources/" in path]
    assert listed == [f"GET /resources/acme?kind=variable&limit=100&offset={offset}" for offset in (0, 100, 200)]
    batches = [path for path in case.conjur.seen if path.startswith("GET /secrets?variable_ids=acme%3Avariable%3Amany")]
    assert len(batches) == 2
    assert all(len(path) < 4200 for path in batches)
    assert case.stores.counted("CyberArk/Conjur", "ListResources") == 3
    assert case.stores.counted("CyberArk/Conjur", "RetrieveBatchSecrets") == 2


async def test_find_behind_a_proxy_that_lowers_names_of_headers(case: Case) -> None:
    case.conjur.encoding_header = "content-encoding"
    async with case.lend() as client:
        assert await found(client, name_regexp="^app/db/user$") == {"app/db/user": b"ann"}


async def test_find_at_a_server_that_cannot_encode(case: Case) -> None:
    case.conjur.encodes = False
    async with case.lend() as client:
        assert await found(client, name_regexp="^app/db/user$") == {"app/db/user": b"ann"}
        with pytest.raises(InvalidRequestError) as caught:
            await found(client, name_regexp="^app/(binary|db/user)$")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ({"name_regexp": "^nothing$"}, InvalidRequestError),
        ({"tags": {"team": "none"}}, InvalidRequestError),
        ({"name_regexp": "^app/empty$"}, InvalidRequestError),
        ({"name_regexp": "^app/doc$"}, AccessDeniedError),
        ({"name_regexp": "("}, InvalidSpecError),
    ],
)
async def test_find_that_fails(case: Case, ref: dict[str, Any], error: type[EsoError]) -> None:
    case.conjur.forbidden.add("app/doc")
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await found(client, **ref)
    assert not isinstance(caught.value, NoSecretError)


# 4. PushSecret


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("a", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("a"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("a"))


# 5. Validation


async def test_validation_asks_nobody(case: Case) -> None:
    assert ConjurProvider.capabilities is Capabilities.READ_ONLY
    nowhere = {"apikey": {**KEY, "userRef": {"name": "none", "key": "x"}}}
    async with case.lend(nowhere) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(ReferenceNotFoundError):
            await value(client, "app/db/user")
    assert case.conjur.seen == []


async def test_a_cluster_store_signs_in_with_what_its_consumer_has(case: Case) -> None:
    await case.stores.secret("conjur", namespace="other", user="host/reader", key="canary-wrong")
    async with case.lend(cluster=True, consumer="app", uid="one") as client:
        assert await value(client, "app/db/user") == "ann"
    async with case.lend(cluster=True, consumer="other", uid="one") as client:
        with pytest.raises(AccessDeniedError):
            await value(client, "app/db/user")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"url": ""}, "conjur URL cannot be empty"),
        ({"auth": {}}, r"missing Auth\.\* configuration"),
        ({"auth": {"apikey": KEY, "jwt": TOKEN}}, "exactly one"),
        ({"auth": {"apikey": {**KEY, "account": ""}}}, r"missing Auth\.ApiKey\.Account"),
        ({"auth": {"apikey": {**KEY, "userRef": {}}}}, r"missing Auth\.Apikey\.UserRef"),
        ({"auth": {"apikey": {**KEY, "apiKeyRef": {}}}}, r"missing Auth\.Apikey\.ApiKeyRef"),
        ({"auth": {"jwt": {**TOKEN, "account": ""}}}, r"missing Auth\.Jwt\.Account"),
        ({"auth": {"jwt": {**TOKEN, "serviceID": ""}}}, r"missing Auth\.Jwt\.ServiceID"),
        ({"auth": {"jwt": {"account": "a", "serviceID": "s"}}}, r"must specify Auth\.Jwt\.SecretRef or"),
        ({"auth": {"cert": {**CERT, "account": ""}}}, r"Auth\.Cert\.Account"),
        ({"auth": {"cert": {**CERT, "serviceID": ""}}}, r"Auth\.Cert\.ServiceID"),
        ({"auth": {"cert": {**CERT, "clientCertRef": {}}}}, r"ClientCertRef\.Name"),
        ({"auth": {"cert": {**CERT, "clientKeyRef": {}}}}, r"ClientKeyRef\.Name"),
        ({"auth": {"apikey": {**KEY, "userRef": {"name": "a", "namespace": "x"}}}}, r"invalid Auth\.Apikey\.UserRef"),
        ({"auth": {"jwt": {**TOKEN, "secretRef": {"name": "a", "namespace": "x"}}}}, r"invalid Auth\.Jwt\.SecretRef"),
        (
            {"auth": {"jwt": {**TOKEN, "serviceAccountRef": {"name": "a", "namespace": "x"}}}},
            r"invalid Auth\.Jwt\.ServiceAccountRef",
        ),
        ({"auth": {"cert": {**CERT, "clientKeyRef": {"name": "a", "namespace": "x"}}}}, "invalid Auth.Cert.ClientKey"),
        ({"caProvider": {"type": "Secret", "name": "a", "key": "k", "namespace": "x"}}, "namespace"),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], text: str) -> None:
    spec = {"url": "https://conjur.example.com", "auth": {"apikey": KEY}}
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, **change})
    for method in ({"apikey": KEY}, {"jwt": TOKEN}, {"cert": CERT}):
        assert case.stores.check({**spec, "auth": method}) == []
        assert case.stores.check({**spec, "auth": method}, cluster=True) == []  # referent


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, ProviderError),
        (422, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        await value(client, "app/db/user")
        case.conjur.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
        for call in (value(client, "app/db/password"), found(client, name_regexp="db")):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


async def test_malformed_lists(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "app/db/user")
        for body in (b"canary", b'{"canary": 1}', b'[{"canary": 1}]', b'["canary"]'):
            case.conjur.fault = (200, {}, body)
            with pytest.raises(ProviderError) as caught:
                await found(client, name_regexp="db")
            assert "canary" not in told(caught.value)


async def test_a_store_recovers_from_an_outage_that_is_longer_than_its_token(case: Case) -> None:
    breaker = BreakerSettings(failures=1, base=0.05, cap=0.05)
    async with (
        serving(case.conjur),
        bench(ConjurProvider(case.clock), broker=BrokerSettings(breaker=breaker)) as stores,
    ):
        await stores.secret("conjur", user="host/reader", key=API_KEY)
        async with stores.lend({"url": case.conjur.url, "auth": {"apikey": KEY}}) as client:
            await value(client, "app/db/user")
            case.clock.now += 301
            case.conjur.fault = (503, {}, b"")
            with pytest.raises(UnavailableError):
                await value(client, "app/doc")
            case.conjur.fault = None
            await asyncio.sleep(0.1)
            assert await value(client, "app/db/password") == "canary-password"
    assert len(case.conjur.signed_in) == 2
