"""The provider `openBao` against a real Vault, which speaks the same protocol, and against a server that fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.openbao.provider import OpenBaoProvider
from eso.providers.openbao.spec import OpenBaoSpec
from eso.values import reveal_all
from tests.integration.eso.providers.vault.conftest import Engine, Stores, entry, source
from tests.support.vendors.vault import SECRET, FakeVault, answering

DOCUMENT = {"user": "admin", "a.b": "dotted", "n": 7, "o": {"x": "<"}, "list": ["a", "b"]}
HERE = {"name": "s", "key": "k"}


@pytest.fixture
def written(engine: Engine) -> Engine:
    engine.put("app/db", DOCUMENT)
    engine.vault.call("PUT", f"{engine.v1}/app/db", DOCUMENT)
    return engine


async def value(stores: Stores, spec: dict[str, Any], ref: RemoteRef) -> bytes:
    async with stores.lend(spec, key="openBao") as client:
        return (await client.get_secret(ref)).reveal()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("prop", "expected"),
    [
        ("", b'{"a.b":"dotted","list":["a","b"],"n":7,"o":{"x":"\\u003c"},"user":"admin"}'),
        ("user", b"admin"),
        ("a.b", b"dotted"),
        ("n", b"7"),
        ("o", b'{"x":"\\u003c"}'),
        ("list", b'["a","b"]'),
    ],
)
async def test_property(stores: Stores, written: Engine, version: str, prop: str, expected: bytes) -> None:
    assert await value(stores, written.spec(version), RemoteRef("app/db", prop)) == expected


async def test_properties_are_no_paths(stores: Stores, written: Engine) -> None:
    with pytest.raises(ProviderError, match="cannot find secret data"):
        await value(stores, written.spec(), RemoteRef("app/db", "o.x"))


async def test_metadata_policy_is_ignored(stores: Stores, written: Engine) -> None:
    assert await value(stores, written.spec(), RemoteRef("app/db", "user", metadata_policy="Fetch")) == b"admin"


async def test_keys_are_below_the_mount(stores: Stores, written: Engine) -> None:
    with pytest.raises(NoSecretError):
        await value(stores, written.spec(), RemoteRef(f"{written.v2}/data/app/db"))


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_missing(stores: Stores, written: Engine, version: str) -> None:
    with pytest.raises(NoSecretError):
        await value(stores, written.spec(version), RemoteRef("none"))


async def test_versions(stores: Stores, written: Engine) -> None:
    written.put("app/db", {"user": "second"})
    assert await value(stores, written.spec(), RemoteRef("app/db", "user", version="1")) == b"admin"
    with pytest.raises(InvalidRequestError, match="integer"):
        await value(stores, written.spec(), RemoteRef("app/db", version="latest"))
    with pytest.raises(InvalidRequestError, match="v2"):
        await value(stores, written.spec("v1"), RemoteRef("app/db", version="1"))


async def test_extract(stores: Stores, written: Engine) -> None:
    async with stores.lend(written.spec(), key="openBao") as client:
        assert reveal_all(await client.get_secret_map(RemoteRef("app/db"))) == {
            "user": b"admin",
            "a.b": b"dotted",
            "n": b"7",
            "o": b'{"x":"\\u003c"}',
            "list": b'["a","b"]',
        }
        assert reveal_all(await client.get_secret_map(RemoteRef("app/db", "o"))) == {"x": b"<"}
        with pytest.raises(ProviderError):
            await client.get_secret_map(RemoteRef("app/db", "user"))


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_find(stores: Stores, written: Engine, version: str) -> None:
    written.put("top", {"k": "v"})
    written.vault.call("PUT", f"{written.v1}/top", {"k": "v"})
    async with stores.lend(written.spec(version), key="openBao") as client:
        assert reveal_all(await client.get_all_secrets(FindRef(name_regexp=".*"))) == {"top": b'{"k":"v"}'}
        found = reveal_all(await client.get_all_secrets(FindRef(path="app", name_regexp="^d")))
        assert json.loads(found["db"]) == DOCUMENT
        assert await client.get_all_secrets(FindRef(path="none", name_regexp=".")) == {}
        for ref in (FindRef(), FindRef(tags={"a": "b"})):
            with pytest.raises(InvalidRequestError):
                await client.get_all_secrets(ref)


async def test_nothing_is_written(stores: Stores, written: Engine) -> None:
    assert OpenBaoProvider.capabilities is Capabilities.READ_ONLY
    async with stores.lend(written.spec(), key="openBao") as client:
        for attempt in (
            client.push_secret(source(a="1"), entry("k")),
            client.delete_secret(PushRemoteRef("k")),
            client.secret_exists(PushRemoteRef("k")),
        ):
            with pytest.raises(InvalidRequestError, match="not supported"):
                await attempt


async def test_validation(stores: Stores, written: Engine) -> None:
    written.vault.call("POST", "sys/mounts/plain", {"type": "kv"})
    cases: list[tuple[dict[str, Any], str]] = [
        (written.spec(), ""),
        (written.spec("v1"), ""),
        (written.spec("v1", path=written.v2), "not of version v1"),
        (written.spec("v2", path=written.v1), "not of version v2"),
        (written.spec("v1", path="plain"), "does not say its version"),
        (written.spec(path="cubbyhole"), "not a kv engine"),
    ]
    try:
        for spec, text in cases:
            async with stores.lend(spec, key="openBao") as client:
                if not text:
                    assert await client.validate() is ValidationResult.READY
                else:
                    with pytest.raises(ProviderError, match=text):
                        await client.validate()
    finally:
        written.vault.call("DELETE", "sys/mounts/plain")


async def test_default_mount(stores: Stores, fake: FakeVault) -> None:
    await stores.secret("approle", id=SECRET)
    spec = {key: value for key, value in fake.spec().items() if key != "path"}
    with pytest.raises(AccessDeniedError):
        await value(stores, spec, RemoteRef("k"))
    assert fake.count("kv/data/k") == 1


async def test_app_role_and_namespaces(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "v"}
    await stores.secret("approle", id=SECRET)
    spec = fake.spec(namespace="team")
    spec["auth"]["namespace"] = "admin"
    for _ in range(2):
        assert await value(stores, spec, RemoteRef("k", "n")) == b"v"
    seen = {path: headers.get("X-Vault-Namespace") for _, path, headers, _ in fake.requests}
    assert seen == {"auth/approle/login": "admin", "secret/data/k": "team", "auth/token/revoke-self": "team"}
    await stores.manager.close()
    assert fake.tokens == {}
    assert stores.counted("ReadSecretData", provider="OpenBao/KV") == 2


async def test_user_pass(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "v"}
    await stores.secret("user", password="pass")
    user = {"path": "userpass", "username": " me", "secretRef": {"name": "user", "key": "password"}}
    assert await value(stores, fake.spec(auth={"userPass": user}), RemoteRef("k", "n")) == b"v"
    assert [(path, body) for _, path, _, body in fake.requests if "login" in path] == [
        ("auth/userpass/login/ me", {"password": "pass"})
    ]


async def test_retry_settings_are_ignored(stores: Stores, fake: FakeVault) -> None:
    await stores.secret("approle", id=SECRET)
    fake.fault = answering(500, "secret", Retry_After="60")
    with pytest.raises(UnavailableError):
        await value(stores, fake.spec(), RemoteRef("k"))


@pytest.mark.parametrize(
    ("auth", "more", "referent"),
    [
        (None, {}, False),
        ({"tokenSecretRef": HERE}, {}, True),
        ({"tokenSecretRef": {**HERE, "namespace": "x"}}, {}, False),
        ({"userPass": {"path": "p", "username": "u", "secretRef": HERE}}, {}, True),
        ({"appRole": {"path": "p", "roleId": "r", "secretRef": HERE}}, {}, True),
        ({"appRole": {"path": "p", "roleRef": HERE, "secretRef": {**HERE, "namespace": "x"}}}, {}, True),
        (None, {"caProvider": {"type": "Secret", "name": "ca", "key": "k"}}, True),
        (None, {"caProvider": {"type": "Secret", "name": "ca", "key": "k", "namespace": "x"}}, False),
    ],
)
async def test_referent(auth: dict[str, Any] | None, more: dict[str, Any], referent: bool) -> None:
    spec = OpenBaoSpec.model_validate({"server": "https://bao", **({"auth": auth} if auth else {}), **more})
    assert OpenBaoProvider().is_referent(spec) is referent


@pytest.mark.parametrize(
    "auth",
    [
        {"tokenSecretRef": {**HERE, "namespace": "x"}},
        {"userPass": {"path": "p", "username": "u", "secretRef": {**HERE, "namespace": "x"}}},
        {"appRole": {"path": "p", "roleId": "r", "secretRef": {**HERE, "namespace": "x"}}},
        {"appRole": {"path": "p", "roleRef": {**HERE, "namespace": "x"}, "secretRef": HERE}},
    ],
)
async def test_store_validation(auth: dict[str, Any]) -> None:
    spec = OpenBaoSpec.model_validate({"server": "https://bao", "auth": auth})
    with pytest.raises(InvalidSpecError, match="namespace"):
        OpenBaoProvider().validate_store(spec, store_kind="SecretStore", store_namespace="app")
    assert not OpenBaoProvider().validate_store(spec, store_kind="ClusterSecretStore", store_namespace="")


async def test_auth_without_method(stores: Stores, fake: FakeVault) -> None:
    with pytest.raises(EsoError, match="names no method"):
        await value(stores, fake.spec(auth={}), RemoteRef("k"))
