"""Pushing, validation and failures: providers/dvls.md sections 4 to 6, against a server that speaks the API of Devolutions Server."""

from __future__ import annotations

from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, Maintenance, PushRemoteRef
from eso.providers.dvls.provider import DVLSProvider
from tests.integration.eso.providers.dvls.conftest import APP_REF, AUTH, SECRET_REF, Case, auth
from tests.support.providerbench import entry, source, told, value
from tests.support.vendors.dvls import VAULT, identity

# 4. PushSecret


@pytest.mark.parametrize("kind", ["Default", "AccessCode"])
async def test_push_sets_the_password_and_keeps_the_rest(case: Case, kind: str) -> None:
    one = case.server.add("db", kind, path="prod", username="ann", password="old", serial=12345678901234567890)
    async with case.lend() as client:
        await client.push_secret(source(k="canary-new"), entry("prod/db", "k", "username", {"any": "thing"}))
        assert await value(client, one) == "canary-new"
    assert case.server.bodies == [
        {
            "name": "db",
            "description": "about db",
            "path": "prod",
            "tags": ["one", "two"],
            "data": {"username": "ann", "password": "canary-new", "serial": 12345678901234567890},
        }
    ]
    assert case.sent("")[-3:-1] == [f"{method} /api/v1/vault/{VAULT}/entry/{one}" for method in ("PUT", "GET")]


async def test_push_writes_always(case: Case) -> None:
    one = case.server.add("db", password="v")
    case.server.entries[VAULT][one].update(description="", tags=None, data={"password": "v"})
    async with case.lend(None) as client:
        for _ in range(2):
            await client.push_secret(source(k="v"), entry(f"{VAULT}/{one}", "k"))
    assert case.server.bodies == [{"name": "db", "data": {"password": "v"}}] * 2


@pytest.mark.parametrize(
    ("key", "data", "secret_key", "text"),
    [
        ("none", {"k": "v"}, "k", "must exist"),
        (identity(99), {"k": "v"}, "k", "must exist"),
        ("db", {"k": "v"}, "", "secretKey is required"),
        ("db", {"k": "v"}, "none", "none"),
        ("db", {"k": ""}, "k", 'key "k" in secret "" is empty'),
        ("db", {"k": b"\xff"}, "k", "UTF-8"),
        ("key", {"k": "v"}, "k", "Credential/ApiKey"),
        ("tls", {"k": "v"}, "k", "Credential/PrivateKey"),
    ],
)
async def test_pushes_that_are_refused(case: Case, key: str, data: dict[str, Any], secret_key: str, text: str) -> None:
    for name, kind in (("db", "Default"), ("key", "ApiKey"), ("tls", "PrivateKey")):
        case.server.add(name, kind)
    async with case.lend() as client:
        with pytest.raises(EsoError, match=text) as caught:
            await client.push_secret(source(**data), entry(key, secret_key))
        assert not isinstance(caught.value, NoSecretError)
    assert case.server.bodies == []


@pytest.mark.parametrize(("status", "error"), [(500, UnavailableError), (404, InvalidRequestError)])
async def test_a_push_that_cannot_be_read_back(case: Case, status: int, error: type[EsoError]) -> None:
    case.server.add("db", password="old")
    case.server.after_put = status
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await client.push_secret(source(k="v"), entry("db", "k"))
        assert not isinstance(caught.value, NoSecretError)


async def test_exists(case: Case) -> None:
    one = case.server.add("db", "OneTimePassword", path="prod")
    case.server.add("web", path="prod")
    async with case.lend() as client:
        for key, there in ((one, True), ("prod/web", True), ("prod/none", False), (identity(99), False)):
            assert await client.secret_exists(PushRemoteRef(key, "no-property")) is there


async def test_delete(case: Case) -> None:
    ids = [case.server.add("db", path="prod", password="v"), case.server.add("key", "ApiKey", apiKey="v")]
    async with case.lend() as client:
        for key in ("prod/db", ids[1], "prod/db", ids[1], "none"):
            await client.delete_secret(PushRemoteRef(key, "username"))
    assert case.server.entries[VAULT] == {}
    assert case.stores.counted("Devolutions/Server", "DeleteEntry") == 2


# 5. Capabilities and validation


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"serverUrl": ""}, "serverUrl is required"),
        ({"serverUrl": "dvls.example.com"}, "scheme and host"),
        ({"serverUrl": "https://"}, "scheme and host"),
        ({"serverUrl": "https://[::1"}, "valid URL"),
        ({"serverUrl": "ftp://dvls.example.com"}, 'must be http or https, got "ftp"'),
        ({"serverUrl": "http://dvls.example.com"}, "insecure: true"),
        ({"vault": " Operations"}, "vault"),
        ({"vault": "Operations "}, "vault"),
        ({"auth": auth(appId={"key": "k"})}, "appId secret name is required"),
        ({"auth": auth(appId={"name": "a"})}, "appId secret key is required"),
        ({"auth": auth(appSecret={"key": "k"})}, "appSecret secret name is required"),
        ({"auth": auth(appSecret={"name": "a"})}, "appSecret secret key is required"),
        ({"auth": auth(appId={**APP_REF, "namespace": "x"})}, "invalid appId: namespace"),
        ({"auth": auth(appSecret={**SECRET_REF, "namespace": "x"})}, "invalid appSecret: namespace"),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], text: str) -> None:
    assert DVLSProvider.capabilities is Capabilities.READ_WRITE
    assert DVLSProvider.maintenance is Maintenance.MAINTAINED
    spec = {"serverUrl": "https://dvls.example.com", "auth": AUTH}
    assert case.stores.check({**spec, "vault": "Operations"}) == []
    assert case.stores.check({**spec, "serverUrl": "http://dvls.example.com/sub", "insecure": True}) == []
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, **change})
    with pytest.raises(InvalidSpecError, match="invalid appId: cluster scope requires namespace"):
        case.stores.check(spec, cluster=True)


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (202, InvalidRequestError),
        (302, InvalidRequestError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.server.add("db", password="v")
    async with case.lend() as client:
        case.server.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
        for call in (
            value(client, "db"),
            client.push_secret(source(k="canary-value"), entry("db", "k")),
            client.delete_secret(PushRemoteRef("db")),
        ):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    "body", [b"canary", b'["canary"]', b'{"data":"canary"}', b'{"data":["canary"]}', b'{"data":[{"name":"canary"}]}']
)
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend() as client:
        case.server.fault = (200, {}, body)
        for key in ("db", identity(1)):
            with pytest.raises(ProviderError) as caught:
                await value(client, key)
            assert "canary" not in told(caught.value)
