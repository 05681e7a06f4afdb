"""providers/previder.md, row by row, against a server that speaks the API of Previder Vault."""

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
from eso.providers.previder.provider import PreviderProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.previder import TOKEN, Previder
from tests.support.vendors.tokenserver import serving

REF = {"name": "previder", "key": "token"}
INFO = "GET /token/info"


def auth(key: str = "token") -> dict[str, Any]:
    return {"secretRef": {"accessToken": {**REF, "key": key}}}


class Case:
    def __init__(self, vault: Previder, stores: ProviderBench) -> None:
        self.vault = vault
        self.stores = stores

    def lend(self, **change: Any) -> Any:
        return self.stores.lend({"baseUri": self.vault.url, "auth": auth(), **change})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    secrets = {"6f1c": ("db password", "canary-password"), "7a2d": ("a/b", '{"k":"v"}'), "8b3e": ("empty", "")}
    vault = Previder(secrets=secrets)
    async with serving(vault), bench(PreviderProvider()) as stores:
        await stores.secret("previder", token=TOKEN, wrong="canary-wrong", line=f"{TOKEN}\n", empty="")
        yield Case(vault, stores)


# 1. Auth


async def test_a_client_asks_about_its_token_when_it_is_made(case: Case) -> None:
    async with case.lend(baseUri=f"{case.vault.url}/") as client:
        assert case.vault.seen == [INFO]
        assert await value(client, "6f1c") == "canary-password"
    assert case.vault.seen[1:] == ["GET /secret/6f1c/decrypt"]
    assert case.stores.counted("Previder/Vault", "GetTokenInfo") == 1
    assert case.stores.counted("Previder/Vault", "DecryptSecret") == 1


async def test_the_vault_of_a_store_that_names_none() -> None:
    vault = Previder(secrets={"6f1c": ("db", "x")})
    async with serving(vault), bench(PreviderProvider(vault.url)) as stores:
        await stores.secret("previder", token=TOKEN)
        for base in ({}, {"baseUri": ""}):
            async with stores.lend({"auth": auth(), **base}) as client:
                assert await value(client, "db") == "x"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"auth": auth("wrong")}, AccessDeniedError, "401"),
        ({"auth": auth("none")}, ReferenceNotFoundError, "none"),
        ({"auth": auth("line")}, InvalidSpecError, "line break"),
        ({"auth": auth("empty")}, InvalidSpecError, "empty"),
        ({"auth": {}}, InvalidSpecError, "missing Previder Auth SecretRef"),
        ({"baseUri": "http://[::1"}, InvalidSpecError, "not a URL"),
        ({"baseUri": "vault.example.com"}, InvalidRequestError, "URL"),
    ],
)
async def test_clients_that_cannot_be_made(
    case: Case, change: dict[str, Any], error: type[EsoError], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        async with case.lend(**change):
            pass
    assert "canary" not in told(caught.value)


async def test_a_url_that_is_not_a_vault(case: Case) -> None:
    for fault, text in (((404, {}, b"canary"), "check baseUri"), ((200, {}, b"canary"), "not JSON")):
        case.vault.fault = fault
        with pytest.raises(ProviderError, match=text) as caught:
            async with case.lend():
                pass
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value)


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "path", "wanted"),
    [
        ("6f1c", "6f1c", "canary-password"),
        ("db password", "db%20password", "canary-password"),
        ("a/b", "a%2Fb", '{"k":"v"}'),
        ("empty", "empty", ""),
    ],
)
async def test_reading(case: Case, key: str, path: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, "k", version="7", metadata_policy="Fetch") == wanted
    assert case.vault.seen == [INFO, f"GET /secret/{path}/decrypt"]


async def test_a_secret_that_does_not_exist_is_no_empty_value(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(NoSecretError):
            await value(client, "none")
        with pytest.raises(NoSecretError):
            await mapped(client, "none")
        for key in ("", ".", ".."):
            with pytest.raises(InvalidRequestError, match=r"remoteRef\.key"):
                await value(client, key)
    assert case.stores.counted("Previder/Vault", "DecryptSecret", "error") >= 1


# 3. dataFrom


async def test_extract_is_the_value_under_its_key(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "a/b", "k") == {"a/b": '{"k":"v"}'}


async def test_find_is_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="find"):
            await client.get_all_secrets(FindRef(name_regexp="."))


# 4. Push


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("a", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("a"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("a"))


# 5. Store


async def test_validation_asks_about_the_token(case: Case) -> None:
    assert PreviderProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert case.vault.seen == [INFO, INFO]
        case.vault.tokens.clear()
        with pytest.raises(AccessDeniedError):
            await client.validate()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "missing Previder Auth SecretRef"),
        ({"secretRef": {"accessToken": {"key": "k"}}}, "missing Previder accessToken name"),
        ({"secretRef": {"accessToken": {"name": "n"}}}, "missing Previder accessToken key"),
        ({"secretRef": {"accessToken": {**REF, "namespace": "other"}}}, "namespace"),
    ],
)
def test_static_checks(change: dict[str, Any], text: str) -> None:
    stores = ProviderBench(PreviderProvider(), None, {})  # type: ignore[arg-type]
    with pytest.raises(InvalidSpecError, match=text):
        stores.check({"auth": change})
    assert stores.check({"auth": auth()}) == []
    assert stores.check({"auth": auth(), "baseUri": ""}) == []
    for url in ("vault.example.com", "https://[::1", "ftp://vault.example.com"):
        with pytest.raises(InvalidSpecError, match="baseUri must be a URL"):
            stores.check({"auth": auth(), "baseUri": url})
    with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
        stores.check({"auth": auth()}, cluster=True)
    assert stores.check({"auth": {"secretRef": {"accessToken": {**REF, "namespace": "app"}}}}, cluster=True) == []


# 6. API


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (400, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        # A body that would be a value, were the status not looked at.
        case.vault.fault = (status, {"Retry-After": "0", "Location": "/canary"}, b'{"secret":"canary-body"}')
        for read in (lambda: value(client, "6f1c"), lambda: mapped(client, "7a2d"), client.validate):
            with pytest.raises(error) as caught:
                await read()
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b"{}", b'{"secret":null}', b'{"secret":["canary"]}', b""])
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend() as client:
        case.vault.fault = (200, {}, body)
        with pytest.raises(ProviderError) as caught:
            await value(client, "6f1c")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


async def test_half_a_surrogate_pair_is_a_replacement_character(case: Case) -> None:
    async with case.lend() as client:
        case.vault.fault = (200, {}, b'{"secret":"a\\ud800"}')
        assert await value(client, "6f1c") == "a\ufffd"
