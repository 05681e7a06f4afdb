"""providers/onboardbase.md, row by row, against a server that speaks Onboardbase's API."""

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
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.onboardbase.provider import OnboardbaseProvider
from eso.values import reveal_all
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.onboardbase import API_KEY, PASSCODE, Onboardbase, encrypted
from tests.support.vendors.tokenserver import serving

KEY = {"name": "onboardbase", "key": "api-key"}
CODE = {"name": "elsewhere", "key": "passcode"}
AUTH = {"apiKeyRef": KEY, "passcodeRef": CODE}
LABEL = "Onboardbase/Secrets"
SECRETS = {
    "DB_PASSWORD": b"canary-password",
    "DB_DOC": b'{"a":"x \\" y","n":{"k":1},"list":["p","q"],"t":true,"num":1.50,"nil":null}',
    "BINARY": b"\xff\x00canary",
    "EMPTY": b"",
    "ünicode": b"u",
}


class Case:
    def __init__(self, onboardbase: Onboardbase, stores: ProviderBench) -> None:
        self.onboardbase = onboardbase
        self.stores = stores

    def lend(self, auth: dict[str, Any] | None = None, *, cluster: bool = False, **more: Any) -> Any:
        place = {"project": "app", "environment": "production"}
        spec = {"apiHost": f"{self.onboardbase.url}/api/v1/", "auth": auth or AUTH, **place, **more}
        return self.stores.lend(spec, cluster=cluster)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    onboardbase = Onboardbase(secrets=dict(SECRETS))
    async with serving(onboardbase), bench(OnboardbaseProvider()) as stores:
        data = {"passcode": PASSCODE, "wrong": "canary-wrong", "empty": "", "line": f"{API_KEY}\n"}
        await stores.secret("onboardbase", api__key=API_KEY, **data)
        yield Case(onboardbase, stores)


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 1. Authentication


async def test_key_and_passcode_come_from_the_secret_of_the_key(case: Case) -> None:
    async with case.lend() as client:  # there is no Secret `elsewhere`
        assert await value(client, "DB_PASSWORD") == "canary-password"
    assert case.onboardbase.seen == ["GET /api/v1/secrets?project=app&environment=production"]
    assert case.stores.counted(LABEL, "GetSecrets") == 1


@pytest.mark.parametrize("host", ["/api/v1", "/api/v1/"])
async def test_the_host_may_end_in_a_slash(case: Case, host: str) -> None:
    async with case.lend(apiHost=case.onboardbase.url + host, environment="") as client:
        assert await value(client, "ünicode") == "u"
    assert case.onboardbase.queries == [{"project": "app"}]


def test_defaults() -> None:
    spec = OnboardbaseProvider.spec_type.model_validate({"auth": AUTH})
    assert spec.model_dump(by_alias=True, exclude={"auth"}) == {
        "apiHost": "https://public.onboardbase.com/api/v1/",
        "environment": "development",
        "project": "development",
    }


@pytest.mark.parametrize(
    ("auth", "error"),
    [
        ({**AUTH, "apiKeyRef": {**KEY, "name": "none"}}, ReferenceNotFoundError),
        ({**AUTH, "apiKeyRef": {**KEY, "key": "none"}}, ReferenceNotFoundError),
        ({**AUTH, "passcodeRef": {**CODE, "key": "none"}}, ReferenceNotFoundError),
        ({**AUTH, "apiKeyRef": {**KEY, "key": "empty"}}, InvalidSpecError),
        ({**AUTH, "passcodeRef": {**CODE, "key": "empty"}}, InvalidSpecError),
        ({**AUTH, "apiKeyRef": {**KEY, "key": "line"}}, InvalidSpecError),
    ],
)
async def test_credentials_that_are_missing(case: Case, auth: dict[str, Any], error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        async with case.lend(auth):
            pass
    assert "canary" not in told(caught.value)


async def test_a_cluster_store_names_the_namespace_of_the_key(case: Case) -> None:
    there = {"apiKeyRef": {**KEY, "namespace": "app"}, "passcodeRef": {**CODE, "namespace": "other"}}
    async with case.lend(there, cluster=True) as client:
        assert await value(client, "DB_PASSWORD") == "canary-password"


async def test_credentials_that_are_wrong(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend({**AUTH, "apiKeyRef": {**KEY, "key": "wrong"}}) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "DB_PASSWORD")
    async with case.lend({**AUTH, "passcodeRef": {**CODE, "key": "wrong"}}) as client:
        for call in (value(client, "DB_PASSWORD"), found(client)):
            with pytest.raises(ProviderError, match="passcode") as undecrypted:
                await call
            assert "canary" not in told(undecrypted.value)
    assert "canary" not in told(caught.value) + caplog.text


# 2. remoteRef


async def test_values(case: Case) -> None:
    async with case.lend() as client:
        for key, property, wanted in (
            ("DB_PASSWORD", "", "canary-password"),
            ("BINARY", "", b"\xff\x00canary".decode("utf-8", "surrogateescape")),
            ("DB_DOC", "a", '"x \\" y"'),  # raw: texts keep their quotes
            ("DB_DOC", "n", '{"k":1}'),
            ("DB_DOC", "n.k", "1"),
            ("DB_DOC", "list.1", '"q"'),
            ("DB_DOC", "list.#", "2"),
            ("DB_DOC", "num", "1.50"),
            ("DB_DOC", "t", "true"),
            ("DB_DOC", "nil", "null"),
        ):
            assert await value(client, key, property) == wanted, (key, property)
        assert await value(client, "DB_PASSWORD", version="9", metadata_policy="Fetch") == "canary-password"


@pytest.mark.parametrize(
    ("key", "property", "error", "text"),
    [
        ("NONE", "", InvalidRequestError, "could not get secret NONE"),
        ("db_password", "", InvalidRequestError, "could not get secret db_password"),
        ("EMPTY", "", InvalidRequestError, "is empty"),
        ("DB_DOC", "none", ProviderError, "cannot find property none"),
        ("DB_PASSWORD", "a", ProviderError, "cannot find property a"),
    ],
)
async def test_values_that_are_missing(case: Case, key: str, property: str, error: type[EsoError], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(error, match=text) as caught:
            await value(client, key, property)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    wanted = {"a": 'x " y', "n": '{"k":1}', "list": '["p","q"]', "t": "true", "num": "1.50", "nil": ""}
    async with case.lend() as client:
        assert await mapped(client, "DB_DOC") == wanted
        assert await mapped(client, "DB_DOC", "n") == {"k": "1"}
        for key, property in (("DB_PASSWORD", ""), ("DB_DOC", "a"), ("DB_DOC", "none"), ("EMPTY", "")):
            with pytest.raises(ProviderError) as caught:
                await mapped(client, key, property)
            assert "canary" not in told(caught.value)


async def test_find(case: Case) -> None:
    async with case.lend() as client:
        for ref, keys in (
            ({}, set(SECRETS)),
            ({"tags": {}}, set(SECRETS)),
            ({"name_regexp": "^DB_"}, {"DB_PASSWORD", "DB_DOC"}),
            ({"path": "DB"}, {"DB_PASSWORD", "DB_DOC"}),
            ({"path": "DB", "name_regexp": "D$"}, {"DB_PASSWORD"}),
            ({"path": "B_"}, set()),
            ({"name_regexp": "none"}, set()),
        ):
            assert await found(client, **ref) == {key: SECRETS[key] for key in keys}, ref
        with pytest.raises(InvalidRequestError, match="tags not supported"):
            await found(client, tags={"a": "b"})
        with pytest.raises(InvalidSpecError):
            await found(client, name_regexp="(")


async def test_an_environment_without_secrets(case: Case) -> None:
    case.onboardbase.secrets = {}
    async with case.lend() as client:
        assert await found(client) == {}
        with pytest.raises(InvalidRequestError):
            await value(client, "DB_PASSWORD")


# 4. PushSecret


async def test_push_delete_and_exists_are_refused(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("a", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("a"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("a"))


# 5. Validation


async def test_validation_lists_the_members_of_the_team(case: Case) -> None:
    assert OnboardbaseProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.onboardbase.seen == ["GET /api/v1/team/members"]
    assert case.stores.counted(LABEL, "GetTeamMembers") == 1
    async with case.lend({**AUTH, "apiKeyRef": {**KEY, "key": "wrong"}}) as client:
        with pytest.raises(AccessDeniedError):
            await client.validate()
    async with case.lend(apiHost="http://127.0.0.1:1/api/v1/") as client:
        with pytest.raises(UnavailableError, match="cannot connect to the"):
            await client.validate()


@pytest.mark.parametrize("field", ["apiKeyRef", "passcodeRef"])
def test_static_checks(field: str) -> None:
    def check(auth: dict[str, Any], kind: str, namespace: str) -> list[str]:
        spec = OnboardbaseProvider.spec_type.model_validate({"auth": auth})
        return list(OnboardbaseProvider().validate_store(spec, store_kind=kind, store_namespace=namespace))

    assert check(AUTH, "SecretStore", "app") == []
    there: dict[str, Any] = {name: {**ref, "namespace": "x"} for name, ref in AUTH.items()}
    assert check(there, "ClusterSecretStore", "") == []
    with pytest.raises(InvalidSpecError, match=r"invalid store: .*name cannot be empty"):
        check({**AUTH, field: {"key": "k"}}, "SecretStore", "app")
    with pytest.raises(InvalidSpecError, match=r"invalid store: .*namespace"):
        check({**AUTH, field: there[field]}, "SecretStore", "app")
    with pytest.raises(InvalidSpecError, match="invalid store: cluster scope requires namespace"):
        check({**there, field: AUTH[field]}, "ClusterSecretStore", "")


@pytest.mark.parametrize(
    "host", ["public.onboardbase.com/api/v1/", "ftp://onboardbase.com", "https://[::1", "https://a:0"]
)
async def test_an_address_that_is_none(case: Case, host: str) -> None:
    with pytest.raises(InvalidSpecError, match="apiHost must be a URL like https://public"):
        case.stores.check({"apiHost": host, "auth": AUTH})
    with pytest.raises(InvalidSpecError, match="apiHost must be a URL like https://public"):
        async with case.lend(apiHost=host):
            pass


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, ProviderError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.onboardbase.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
    async with case.lend() as client:
        for call in (value(client, "DB_PASSWORD"), found(client), client.validate()):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text
    assert not any("/canary" in path for path in case.onboardbase.seen)


async def test_a_status_of_three_hundred_is_success(case: Case) -> None:
    case.onboardbase.status = 300
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert await value(client, "DB_PASSWORD") == "canary-password"


async def test_answers_that_are_none(case: Case) -> None:
    key, secret = encrypted(b"K"), encrypted(b"canary")
    async with case.lend() as client:
        for body in (b"canary", b'["canary"]', b'{"canary": 1}', b'{"data": null}', b'{"data": {"secrets": "canary"}}'):
            case.onboardbase.fault = (200, {}, body)
            for call in (value(client, "DB_PASSWORD"), found(client)):
                with pytest.raises(ProviderError) as caught:
                    await call
                assert "canary" not in told(caught.value)
        case.onboardbase.fault = None
        for listed in (
            ["canary"],
            [{"key": key}],
            [{"key": key, "value": 7}],
            [{"key": "canary", "value": secret}],
            [{"key": key, "value": "canary"}],
            [{"key": encrypted(b"\xff"), "value": secret}],
        ):
            case.onboardbase.raw = listed
            for call in (value(client, "K"), found(client)):
                with pytest.raises(ProviderError) as caught:
                    await call
                assert not isinstance(caught.value, InvalidRequestError)
                assert "canary" not in told(caught.value)
