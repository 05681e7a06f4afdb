"""Reading and finding: providers/azure.md sections 2, 3, 6."""

from __future__ import annotations

import base64
import json
import traceback
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
from eso.providers.azurekv.api import own_path
from eso.providers.base import FindRef, RemoteRef
from eso.values import reveal_all
from tests.integration.eso.providers.azurekv.conftest import Cloud
from tests.support.vendors.azurekv import Fault


async def test_secret_latest_and_version(cloud: Cloud) -> None:
    first = cloud.azure.put("secrets", "db", value="one")
    cloud.azure.put("secrets", "db", value="two")
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"two"
        assert (await client.get_secret(RemoteRef("secret/db/ignored"))).reveal() == b"two"
        assert (await client.get_secret(RemoteRef("db", version=first))).reveal() == b"one"
        with pytest.raises(NoSecretError):
            await client.get_secret(RemoteRef("db", version="f" * 32))
    assert cloud.azure.versions == {"7.0"}
    assert cloud.counted("GetSecret") >= 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.b", b"deep"), ("c.d", b"flat"), ("n", b"7"), ("o", b'{"x": 1}'), ("list.1", b"z")],
)
async def test_property_is_a_path_first_then_a_literal(cloud: Cloud, name: str, expected: bytes) -> None:
    cloud.azure.put(
        "secrets",
        "db",
        value='{"a": {"b": "deep"}, "a.b": "no", "c.d": "flat", "n": 7, "o": {"x": 1}, "list": ["y", "z"]}',
    )
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db", property=name))).reveal() == expected


async def test_absent_property_is_an_error_and_not_an_absent_secret(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value='{"a": 1}')
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="property b") as caught:
            await client.get_secret(RemoteRef("db", property="b"))
        assert not isinstance(caught.value, NoSecretError)


async def test_certificate_is_der_and_key_is_json(cloud: Cloud) -> None:
    cloud.azure.put("certificates", "web", cer=base64.b64encode(b"\x30\x01der").decode())
    cloud.azure.put("keys", "sign", key={"kty": "RSA", "n": "bm4", "e": "AQAB", "key_ops": ["sign"]})
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("cert/web", property="ignored"))).reveal() == b"\x30\x01der"
        key = (await client.get_secret(RemoteRef("key/sign"))).reveal()
        assert list(json.loads(key)) == ["e", "key_ops", "kid", "kty", "n"]
        assert b" " not in key
        assert (await client.get_secret(RemoteRef("key/sign", property="n"))).reveal() == b"bm4"
    assert cloud.counted("GetCertificate") == 1
    assert cloud.counted("GetKey") >= 1


@pytest.mark.parametrize("key", ["none", "cert/none", "key/none"])
async def test_absent_object_is_no_secret(cloud: Cloud, key: str) -> None:
    async with cloud.lend() as client:
        with pytest.raises(NoSecretError):
            await client.get_secret(RemoteRef(key))


@pytest.mark.parametrize("key", ["file/x", "/x"])
async def test_unknown_prefix(cloud: Cloud, key: str) -> None:
    async with cloud.lend() as client:
        with pytest.raises(InvalidSpecError, match="unknown prefix"):
            await client.get_secret(RemoteRef(key))
        with pytest.raises(InvalidRequestError, match="not a valid name"):
            await client.get_secret(RemoteRef("a%2Fb"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("team", b"core"), ("json.a", b"1"), ("json.b.c", b"2"), ("dotted.tag", b"d")],
)
async def test_fetch_reads_tags(cloud: Cloud, name: str, expected: bytes) -> None:
    tags = {"team": "core", "json": '{"a": 1, "b": {"c": 2}}', "dotted.tag": "d"}
    cloud.azure.put("secrets", "db", value="x", tags=tags)
    async with cloud.lend() as client:
        ref = RemoteRef("db", property=name, metadata_policy="Fetch")
        assert (await client.get_secret(ref)).reveal() == expected
        for absent in ("nope", "json.zzz", "nope.a"):
            with pytest.raises(ProviderError):
                await client.get_secret(RemoteRef("db", property=absent, metadata_policy="Fetch"))


@pytest.mark.parametrize("legacy", [True, False])
async def test_fetch_without_property_is_all_tags(cloud: Cloud, legacy: bool) -> None:
    cloud.azure.put("secrets", "db", value="x", tags={"team": "core"}, attributes={"exp": 1_900_000_000})
    times = {
        "attribute.created": "2027-01-15T08:00:00Z",
        "attribute.expires": "2030-03-17T17:46:40Z",
        "attribute.updated": "2027-01-15T08:00:00Z",
    }
    async with cloud.lend(useAzureSDK=not legacy) as client:
        found = json.loads((await client.get_secret(RemoteRef("db", metadata_policy="Fetch"))).reveal())
    assert found == {"team": "core", **(times if legacy else {})}


async def test_extract(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value='{"user": "u", "port": 5432}', tags={"one": "t", "two": '{"k": "v"}'})
    cloud.azure.put("secrets", "list", value="[1]")
    async with cloud.lend(useAzureSDK=True) as client:
        assert reveal_all(await client.get_secret_map(RemoteRef("db"))) == {"user": b"u", "port": b"5432"}
        found = await client.get_secret_map(RemoteRef("db", metadata_policy="Fetch"))
        assert reveal_all(found) == {"db_one": b"t", "db_two_k": b"v"}
        found = await client.get_secret_map(RemoteRef("secret/db", property="one", metadata_policy="Fetch"))
        assert reveal_all(found) == {"secret/db_one": b"t"}
        with pytest.raises(ProviderError):
            await client.get_secret_map(RemoteRef("list"))
        for key in ("cert/db", "key/db"):
            with pytest.raises(InvalidRequestError, match="only secrets"):
                await client.get_secret_map(RemoteRef(key))


async def test_find(cloud: Cloud) -> None:
    for name in ("app-one", "app-two", "other", "zero"):
        cloud.azure.put("secrets", name, value=f"v-{name}", tags={"env": "dev" if name == "app-two" else "prod"})
    cloud.azure.put("secrets", "app-off", value="x", attributes={"enabled": False})
    cloud.azure.put("keys", "app-key", key={"kty": "EC"})
    async with cloud.lend() as client:
        everything = await client.get_all_secrets(FindRef(path="ignored"))
        assert sorted(everything) == ["app-one", "app-two", "other", "zero"]
        named = await client.get_all_secrets(FindRef(name_regexp="pp-"))
        assert reveal_all(named) == {"app-one": b"v-app-one", "app-two": b"v-app-two"}
        assert list(await client.get_all_secrets(FindRef(name_regexp="^app", tags={"env": "prod"}))) == ["app-one"]
        with pytest.raises(InvalidSpecError):
            await client.get_all_secrets(FindRef(name_regexp="("))
    assert cloud.counted("GetSecrets") >= 3


async def test_a_hit_that_is_gone_fails_the_find(cloud: Cloud) -> None:
    for name in "ab":
        cloud.azure.put("secrets", name, value="x")
    cloud.azure.faults.append(Fault("/secrets/b", 404))
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="though the list had it") as caught:
            await client.get_all_secrets(FindRef())
    assert not isinstance(caught.value, NoSecretError)


VAULT = "https://MyVault.vault.azure.net"


@pytest.mark.parametrize("vault", [VAULT, f"{VAULT}:443", f"{VAULT}/".lower()])
@pytest.mark.parametrize(
    "host", ["myvault.vault.azure.net:443", "myvault.vault.azure.net", "MYVAULT.vault.azure.net:443"]
)
def test_next_page_is_known_however_azure_spells_the_vault(vault: str, host: str) -> None:
    link = f"https://{host}/secrets?api-version=7.0&$skiptoken=eyJO%3D&maxresults=25"
    assert own_path(link, vault) == "/secrets?api-version=7.0&$skiptoken=eyJO%3D&maxresults=25"


@pytest.mark.parametrize(
    "link",
    [
        "http://myvault.vault.azure.net:443/secrets",
        "https://myvault.vault.azure.net:444/secrets",
        "https://other.vault.azure.net/secrets",
        "https://myvault.vault.azure.net@evil.example/secrets",
        "https://[x/secrets",
        "https://myvault.vault.azure.net:99999/secrets",
        "/secrets?page=2",
    ],
)
def test_next_pages_of_others_are_refused(link: str) -> None:
    with pytest.raises(ProviderError, match="not in this vault"):
        own_path(link, VAULT)


async def test_next_page_elsewhere_is_refused(cloud: Cloud) -> None:
    for name in "abc":
        cloud.azure.put("secrets", name, value="x")
    cloud.azure.next_link = "https://elsewhere.example/secrets?page=2"
    async with cloud.lend() as client:
        with pytest.raises(ProviderError, match="not in this vault"):
            await client.get_all_secrets(FindRef())


async def test_transient_failure_is_tried_again(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value="x")
    cloud.azure.faults.append(Fault("/secrets/db", 503, times=2))
    async with cloud.lend() as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"x"


FAILURES: list[tuple[Fault, type[EsoError]]] = [
    (Fault("/secrets", 403, -1), AccessDeniedError),
    (Fault("/secrets", 401, -1), AccessDeniedError),
    (Fault("/secrets", 400, -1), InvalidRequestError),
    (Fault("/secrets", 429, -1, {"Retry-After": "17"}), ThrottledError),
    (Fault("/secrets", 500, -1), UnavailableError),
    (Fault("/secrets", 200, -1, body=b"canary-not-json"), ProviderError),
    (Fault("/secrets", 200, -1, body=b"[]"), ProviderError),
    (Fault("/secrets", 200, -1, body=b"x" * (17 << 20)), InvalidRequestError),
    (Fault("/secrets", 200, -1, delay=1.5), UnavailableError),
    (Fault("/token", 401, -1), AccessDeniedError),
    (Fault("/token", 429, -1, {"Retry-After": "0"}), ThrottledError),
    (Fault("/token", 500, -1), UnavailableError),
    (Fault("/token", 200, -1, body=b"{}"), ProviderError),
]


@pytest.mark.parametrize(("fault", "error"), FAILURES, ids=lambda value: getattr(value, "status", None))
async def test_failures_by_class_and_without_secrets(
    cloud: Cloud, fault: Fault, error: type[EsoError], caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    cloud.azure.put("secrets", "db", value="canary-value")
    cloud.azure.faults.append(Fault(fault.path, fault.status, -1, fault.headers, fault.body, fault.delay))
    with pytest.raises(error) as caught:
        async with cloud.lend() as client:
            await client.get_secret(RemoteRef("db"))
    assert not isinstance(caught.value, NoSecretError)
    if isinstance(caught.value, ThrottledError) and fault.path == "/secrets":
        assert caught.value.retry_after == 17
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "canary" not in shown


async def test_disabled_secret_is_denied(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value="x", attributes={"enabled": False})
    async with cloud.lend() as client:
        with pytest.raises(AccessDeniedError):
            await client.get_secret(RemoteRef("db"))


async def test_revoked_token_is_replaced(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "a", value="1")
    cloud.azure.put("secrets", "b", value="2")
    async with cloud.lend() as client:
        await client.get_secret(RemoteRef("a"))
        cloud.azure.tokens.clear()
        assert (await client.get_secret(RemoteRef("b"))).reveal() == b"2"
    assert len(cloud.azure.sign_ins) == 2
