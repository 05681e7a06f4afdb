"""providers/barbican.md, row by row, against a server that speaks the APIs of Keystone and Barbican."""

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
from eso.providers.barbican.provider import BarbicanProvider
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.values import reveal_all
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.barbican import PASSWORD, Barbican, uuid
from tests.support.vendors.tokenserver import serving

REF = {"name": "keystone", "key": "password"}
AUTH: dict[str, Any] = {"username": {"value": "ann"}, "password": {"secretRef": REF}}
DOCUMENT = b'{"a":"x\\n", "n": { "k" : 1 }, "num": 1e3, "nil":null, "dot.ted":"y", "a":"last"}'
SECRETS = {
    uuid(1): ("app/password", b"canary-password"),
    uuid(2): ("app/doc", DOCUMENT),
    uuid(3): (None, b" plain \n"),
    uuid(4): ("app/binary", b"\xff\x00canary"),
}


class Clock:
    def __init__(self, server: Barbican) -> None:
        self.now = server.issued.timestamp()

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, server: Barbican, stores: ProviderBench, clock: Clock) -> None:
        self.server = server
        self.stores = stores
        self.clock = clock

    def lend(self, **change: Any) -> Any:
        spec = {"authURL": f"{self.server.url}/v3", "tenantName": "web", "domainName": "Default", "auth": AUTH}
        return self.stores.lend({**spec, **change})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    server = Barbican(secrets=dict(SECRETS))
    clock = Clock(server)
    async with serving(server), bench(BarbicanProvider(clock)) as stores:
        await stores.secret("keystone", password=PASSWORD, user="ann", wrong="canary-wrong")
        yield Case(server, stores, clock)


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 1. Authentication


@pytest.mark.parametrize("path", ["/v3", "/v3/", "", "/", "/identity/v3", "/identity"])
async def test_a_client_signs_in_when_it_is_made(case: Case, path: str) -> None:
    prefix = "/identity" if path.startswith("/identity") else ""
    async with case.lend(authURL=case.server.url + path) as client:
        assert case.server.seen == [f"POST {prefix}/v3/auth/tokens"]
        assert await value(client, uuid(1)) == "canary-password"
    assert case.server.seen[1:] == [f"GET /key/one/v1/secrets/{uuid(1)}/payload"]
    assert case.stores.counted("OpenStack/Barbican", "Authenticate") == 1
    assert case.stores.counted("OpenStack/Barbican", "GetPayload") == 1


async def test_version_2_by_its_url(case: Case) -> None:
    async with case.lend(authURL=f"{case.server.url}/v2.0/", domainName=None, region="two") as client:
        assert await value(client, uuid(1)) == "canary-password"
    assert case.server.seen[0] == "POST /v2.0/tokens"
    assert case.server.seen[1].startswith("GET /key/two/v1/")


async def test_a_token_that_cannot_be_sent(case: Case) -> None:
    case.server.fault = (200, {}, b'{"access": {"token": {"id": "canary\\r\\nX-Other: 1"}, "serviceCatalog": []}}')
    with pytest.raises(ProviderError, match="no token that can be sent") as caught:
        async with case.lend(authURL=f"{case.server.url}/v2.0", domainName=None):
            pass
    assert "canary" not in told(caught.value)


async def test_user_by_reference(case: Case) -> None:
    auth = {**AUTH, "username": {"secretRef": {"name": "keystone", "key": "user"}}}
    async with case.lend(auth=auth) as client:
        assert await value(client, uuid(1)) == "canary-password"


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_the_endpoint_of_the_region(case: Case, suffix: str) -> None:
    case.server.suffix = suffix
    async with case.lend(region="two") as client:
        await value(client, uuid(1))
    assert case.server.seen[1] == f"GET /key/two/v1/secrets/{uuid(1)}/payload"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"region": "three"}, InvalidRequestError, "no public endpoint of type key-manager in region three"),
        ({"tenantName": None}, InvalidRequestError, "check region and tenantName"),
        ({"tenantName": "other"}, AccessDeniedError, "401"),
        ({"domainName": "other"}, AccessDeniedError, "401"),
        ({"domainName": None}, InvalidSpecError, "domainName must be set"),
        ({"authURL": "http://[::1"}, InvalidSpecError, "URL"),
        ({"auth": {**AUTH, "password": {"secretRef": {**REF, "key": "wrong"}}}}, AccessDeniedError, "401"),
        ({"auth": {**AUTH, "password": {"secretRef": {**REF, "key": "none"}}}}, ReferenceNotFoundError, "none"),
    ],
)
async def test_signing_in_that_fails(case: Case, change: dict[str, Any], error: type[EsoError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        async with case.lend(**change):
            pass
    assert "canary" not in told(caught.value)


async def test_a_url_that_is_not_keystones(case: Case) -> None:
    case.server.fault = (404, {}, b"canary")
    with pytest.raises(InvalidRequestError, match="check authURL"):
        async with case.lend():
            pass
    for body in (b"canary", b"[]", b'{"token":[]}', b'{"token":{}}', b'{"token":{"expires_at":"canary"}}'):
        case.server.fault = (201, {}, body)
        with pytest.raises(ProviderError) as caught:
            async with case.lend():
                pass
        assert "canary" not in told(caught.value)


@pytest.mark.parametrize(("kept", "over"), [(3530.0, 3541.0)])
async def test_tokens_are_replaced_before_they_end(case: Case, kept: float, over: float) -> None:
    began = case.clock.now
    async with case.lend() as client:
        case.clock.now = began + kept
        await value(client, uuid(1))
        assert len(case.server.bodies) == 1
        case.clock.now = began + over
        await value(client, uuid(2))
        assert len(case.server.bodies) == 2


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    case.server.lifetime = None  # does not say when it ends
    async with case.lend() as client:
        case.server.tokens.clear()
        assert await value(client, uuid(1)) == "canary-password"
        assert len(case.server.bodies) == 2
        case.server.tokens.clear()
        case.server.password = "another"
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, uuid(2))
    assert "canary" not in told(caught.value)


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        (uuid(1), "", "canary-password"),
        (uuid(2), "", DOCUMENT.decode()),
        (uuid(3), "", " plain \n"),
        (uuid(2), "a", '"last"'),
        (uuid(2), "n", '{ "k" : 1 }'),
        (uuid(2), "num", "1e3"),
        (uuid(2), "nil", "null"),
        (uuid(2), "dot.ted", '"y"'),
    ],
)
async def test_reading(case: Case, key: str, property: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, version="7", metadata_policy="Fetch") == wanted


@pytest.mark.parametrize(
    ("key", "property", "text"),
    [
        (uuid(9), "", "404"),
        ("..", "", "UUIDs"),
        ("a/b", "", "404"),
        (uuid(4), "", "not text/plain"),
        (uuid(2), "absent", "absent not found"),
        (uuid(2), "n.k", "not found"),
        (uuid(1), "a", "not a JSON object"),
    ],
)
async def test_what_is_missing_is_a_plain_error(case: Case, key: str, property: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key, property)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. extract and find


async def test_extract(case: Case) -> None:
    case.server.secrets[uuid(5)] = ("list", b"[1]")
    case.server.secrets[uuid(6)] = ("null", b" null\n")
    async with case.lend() as client:
        everything = {"a": '"last"', "n": '{ "k" : 1 }', "num": "1e3", "nil": "null", "dot.ted": '"y"'}
        assert await mapped(client, uuid(2)) == everything
        assert await mapped(client, uuid(2), "n") == {"k": "1"}
        assert await mapped(client, uuid(6)) == {}
        for key, property in ((uuid(1), ""), (uuid(5), ""), (uuid(2), "a")):
            with pytest.raises(ProviderError, match="not a JSON object") as caught:
                await mapped(client, key, property)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "wanted"),
    [
        ({"name_regexp": "^app/(password|doc)$"}, {uuid(1), uuid(2)}),
        ({"name_regexp": "doc", "path": "ignored", "tags": {"a": "b"}}, {uuid(2)}),
        ({"name_regexp": "^$"}, {uuid(3)}),
    ],
)
async def test_find(case: Case, ref: dict[str, Any], wanted: set[str]) -> None:
    async with case.lend() as client:
        assert await found(client, **ref) == {key: SECRETS[key][1] for key in wanted}
    assert len([path for path in case.server.seen if path.endswith("/payload")]) == len(wanted)


async def test_find_reads_pages_without_following_their_links_elsewhere(case: Case) -> None:
    case.server.secrets = {uuid(number): (f"n{number}", b"%d" % number) for number in range(25)}
    case.server.page = 10
    case.server.advertised = "http://elsewhere.invalid"
    async with case.lend() as client:
        assert await found(client, name_regexp=".") == {key: text for key, (_, text) in case.server.secrets.items()}
    listed = [path for path in case.server.seen if "/secrets?" in path]
    assert listed == [
        "GET /key/one/v1/secrets?limit=100",
        "GET /key/one/v1/secrets?limit=10&offset=10",
        "GET /key/one/v1/secrets?limit=10&offset=20",
    ]
    assert case.stores.counted("OpenStack/Barbican", "ListSecrets") == 3


@pytest.mark.parametrize(
    ("ref", "error", "text"),
    [
        ({}, InvalidSpecError, "name.regexp"),
        ({"name_regexp": ""}, InvalidSpecError, "name.regexp"),
        ({"name_regexp": "("}, InvalidSpecError, "compile"),
        ({"name_regexp": "^nothing$"}, InvalidRequestError, "no secrets found"),
        ({"name_regexp": "binary"}, InvalidRequestError, "not text/plain"),
    ],
)
async def test_find_that_fails(case: Case, ref: dict[str, Any], error: type[EsoError], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(error, match=text) as caught:
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


async def test_validation_asks_nothing(case: Case) -> None:
    assert BarbicanProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    assert len(case.server.seen) == 1


ELSEWHERE = {**REF, "namespace": "other"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"authURL": None}, "authURL is required"),
        ({"authURL": ""}, "authURL is required"),
        ({"auth": {**AUTH, "username": {}}}, "username must specify either value or secretRef"),
        ({"auth": {**AUTH, "username": {"value": ""}}}, "username must specify either value or secretRef"),
        ({"auth": {**AUTH, "username": {"secretRef": ELSEWHERE}}}, "namespace"),
        ({"auth": {**AUTH, "password": {"secretRef": ELSEWHERE}}}, "namespace"),
    ],
)
def test_static_checks(change: dict[str, Any], text: str) -> None:
    stores = ProviderBench(BarbicanProvider(), None, {})  # type: ignore[arg-type]
    spec = {"authURL": "https://keystone.example.com/v3", "auth": AUTH}
    with pytest.raises(InvalidSpecError, match=text):
        stores.check({**spec, **change})
    assert stores.check(spec) == []
    with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
        stores.check(spec, cluster=True)
    there = {**AUTH, "password": {"secretRef": {**REF, "namespace": "app"}}}
    assert stores.check({**spec, "auth": there}, cluster=True) == []


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        case.server.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
        for call in (value(client, uuid(1)), found(client, name_regexp=".")):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


async def test_malformed_lists(case: Case) -> None:
    async with case.lend() as client:
        for body in (b"canary", b"[]", b"{}", b'{"secrets":["canary"]}', b'{"secrets":[],"next":"http://[canary"}'):
            case.server.fault = (200, {}, body)
            with pytest.raises(ProviderError) as caught:
                await found(client, name_regexp=".")
            assert "canary" not in told(caught.value)


async def test_a_list_that_does_not_end(case: Case) -> None:
    async with case.lend() as client:
        case.server.fault = (200, {}, b'{"secrets":[],"next":"http://barbican/v1/secrets?limit=1&offset=1"}')
        with pytest.raises(ProviderError, match="does not end"):
            await found(client, name_regexp=".")
