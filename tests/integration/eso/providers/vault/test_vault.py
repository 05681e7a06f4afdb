"""The provider `vault` against a real Vault: reading, extracting, finding, pushing, deleting."""

from __future__ import annotations

import asyncio
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
from eso.providers.base import FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.values import reveal_all
from tests.integration.eso.providers.vault.conftest import Engine, Stores, entry, source

DOCUMENT = {
    "user": "admin",
    "big": 1234567890123,
    "nested": {"a.b": [1, {"x": "<y>"}]},
    "flag": True,
    "null": None,
}


@pytest.fixture
def written(engine: Engine) -> Engine:
    engine.put("app/db", DOCUMENT)
    engine.vault.call("PUT", f"{engine.v1}/app/db", DOCUMENT)
    return engine


async def value(stores: Stores, spec: dict[str, Any], ref: RemoteRef) -> bytes:
    async with stores.lend(spec) as client:
        return (await client.get_secret(ref)).reveal()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("prop", "expected"),
    [
        (
            "",
            b'{"big":1234567890123,"flag":true,"nested":{"a.b":[1,{"x":"\\u003cy\\u003e"}]},"null":null,"user":"admin"}',
        ),
        ("user", b"admin"),
        ("big", b"1234567890123"),
        ("flag", b"true"),
        ("null", b""),
        ("nested", b'{"a.b":[1,{"x":"\\u003cy\\u003e"}]}'),
        (r"nested.a\.b.1.x", b"<y>"),
        (r"nested.a\.b.#", b"2"),
    ],
)
async def test_property(stores: Stores, written: Engine, version: str, prop: str, expected: bytes) -> None:
    assert await value(stores, written.spec(version), RemoteRef("app/db", prop)) == expected


async def test_exact_key_wins_over_path(stores: Stores, engine: Engine) -> None:
    engine.put("dots", {"a.b": "literal", "a": {"b": "path"}})
    assert await value(stores, engine.spec(), RemoteRef("dots", "a.b")) == b"literal"


async def test_absent_property_is_a_plain_error(stores: Stores, written: Engine) -> None:
    with pytest.raises(ProviderError, match="cannot find secret data for key") as caught:
        await value(stores, written.spec(), RemoteRef("app/db", "nope"))
    assert not isinstance(caught.value, NoSecretError)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (True, "app/db"),
        (True, "{v2}/app/db"),
        (True, "{v2}/data/app/db"),
        (True, "data/app/db"),
        (False, "{v2}/app/db"),
        (False, "{v2}/data/app/db"),
    ],
)
async def test_path_building_v2(stores: Stores, written: Engine, path: bool, key: str) -> None:
    spec = written.spec(path=written.v2 if path else None)
    assert json.loads(await value(stores, spec, RemoteRef(key.format(v2=written.v2)))) == DOCUMENT


@pytest.mark.parametrize(("path", "key"), [(True, "app/db"), (True, "{v1}/app/db"), (False, "{v1}/app/db")])
async def test_path_building_v1(stores: Stores, written: Engine, path: bool, key: str) -> None:
    spec = written.spec("v1", path=written.v1 if path else None)
    assert json.loads(await value(stores, spec, RemoteRef(key.format(v1=written.v1)))) == DOCUMENT


async def test_names_that_need_quoting(stores: Stores, engine: Engine) -> None:
    engine.vault.call("PUT", f"{engine.v2}/data/a%20b%25/%C3%A4%3F", {"data": {"k": "v"}})
    assert await value(stores, engine.spec(), RemoteRef("a b%/ä?", "k")) == b"v"
    async with stores.lend(engine.spec()) as client:
        assert reveal_all(await client.get_all_secrets(FindRef(name_regexp="."))) == {"a b%/ä?": b'{"k":"v"}'}


async def test_a_key_cannot_leave_its_mount(stores: Stores, written: Engine) -> None:
    with pytest.raises(InvalidRequestError):
        await value(stores, written.spec(), RemoteRef("../../sys/health"))


async def test_version(stores: Stores, engine: Engine) -> None:
    engine.put("k", {"n": "one"})
    engine.put("k", {"n": "two"})
    assert await value(stores, engine.spec(), RemoteRef("k", "n", version="1")) == b"one"
    assert await value(stores, engine.spec(), RemoteRef("k", "n")) == b"two"
    with pytest.raises(NoSecretError):
        await value(stores, engine.spec(), RemoteRef("k", "n", version="9"))


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_missing_secret(stores: Stores, engine: Engine, version: str) -> None:
    with pytest.raises(NoSecretError):
        await value(stores, engine.spec(version), RemoteRef("nothing"))


@pytest.mark.parametrize("how", ["DELETE {mount}/data/k", "PUT {mount}/destroy/k"])
async def test_deleted_and_destroyed_versions(stores: Stores, engine: Engine, how: str) -> None:
    engine.put("k", {"n": "one"})
    method, path = how.format(mount=engine.v2).split()
    engine.vault.call(method, path, {"versions": [1]} if method == "PUT" else None)
    with pytest.raises(NoSecretError):
        await value(stores, engine.spec(), RemoteRef("k"))


async def test_v2_store_on_a_v1_mount(stores: Stores, written: Engine) -> None:
    written.vault.call("PUT", f"{written.v1}/data/k", {"other": "x"})
    with pytest.raises(ProviderError, match="no data field"):
        await value(stores, written.spec(path=written.v1), RemoteRef("k"))


async def test_metadata_policy_fetch(stores: Stores, engine: Engine) -> None:
    engine.put("k", {"n": "one"}, owner="me", current_version="custom wins")
    found = json.loads(await value(stores, engine.spec(), RemoteRef("k", metadata_policy="Fetch")))
    assert set(found) == {"created_time", "current_version", "delete_version_after", "owner"}
    assert found["delete_version_after"] == "0s"
    assert found["current_version"] == "custom wins"
    assert await value(stores, engine.spec(), RemoteRef("k", "owner", metadata_policy="Fetch")) == b"me"
    spec = engine.spec(path=None)
    assert await value(stores, spec, RemoteRef(f"{engine.v2}/data/k", "owner", metadata_policy="Fetch")) == b"me"


async def test_metadata_policy_errors(stores: Stores, engine: Engine) -> None:
    fetch = RemoteRef("k", metadata_policy="Fetch")
    with pytest.raises(ProviderError, match="secret not found") as caught:
        await value(stores, engine.spec(), fetch)
    assert not isinstance(caught.value, NoSecretError)
    with pytest.raises(InvalidRequestError, match="v2"):
        await value(stores, engine.spec("v1"), fetch)
    with pytest.raises(InvalidSpecError, match="must contain data"):
        await value(stores, engine.spec(path=None), fetch)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_extract(stores: Stores, written: Engine, version: str) -> None:
    async with stores.lend(written.spec(version)) as client:
        assert reveal_all(await client.get_secret_map(RemoteRef("app/db"))) == {
            "user": b"admin",
            "big": b"1234567890123",
            "nested": b'{"a.b":[1,{"x":"\\u003cy\\u003e"}]}',
            "flag": b"true",
            "null": b"",
        }
        assert list(await client.get_secret_map(RemoteRef("app/db", "nested"))) == ["a.b"]
        with pytest.raises(ProviderError):
            await client.get_secret_map(RemoteRef("app/db", "user"))


async def test_large_numbers_keep_digits_but_in_extract(stores: Stores, engine: Engine) -> None:
    # Version 2 of the engine itself rounds numbers.
    engine.vault.call("PUT", f"{engine.v1}/n", {"big": 12345678901234567890})
    async with stores.lend(engine.spec("v1")) as client:
        assert (await client.get_secret(RemoteRef("n", "big"))).reveal() == b"12345678901234567890"
        assert reveal_all(await client.get_secret_map(RemoteRef("n"))) == {"big": b"12345678901234567000"}


@pytest.fixture
def tree(engine: Engine) -> Engine:
    for key, metadata in (("a/one", {"team": "x"}), ("a/deep/er/two", {"team": "x", "env": "y"}), ("b", {"team": "z"})):
        engine.put(key, {"k": key}, **metadata)
        engine.vault.call("PUT", f"{engine.v1}/{key}", {"k": key})
    return engine


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (FindRef(name_regexp=".*"), {"a/one", "a/deep/er/two", "b"}),
        (FindRef(name_regexp="^a/.*"), {"a/one", "a/deep/er/two"}),
        (FindRef(path="a", name_regexp="one$"), {"a/one"}),
        (FindRef(path="a/deep", name_regexp="two"), {"a/deep/er/two"}),
        (FindRef(name_regexp="none of them"), set()),
    ],
)
async def test_find_by_name(stores: Stores, tree: Engine, version: str, ref: FindRef, expected: set[str]) -> None:
    async with stores.lend(tree.spec(version)) as client:
        found = reveal_all(await client.get_all_secrets(ref))
    assert found == {key: json.dumps({"k": key}, separators=(",", ":")).encode() for key in expected}


@pytest.mark.parametrize(
    ("tags", "path", "expected"),
    [
        ({"team": "x"}, None, {"a/one", "a/deep/er/two"}),
        ({"team": "x", "env": "y"}, None, {"a/deep/er/two"}),
        ({"team": "x"}, "a/deep", {"a/deep/er/two"}),
        ({"team": "nobody"}, None, set()),
        ({}, None, {"a/one", "a/deep/er/two", "b"}),
        ({"current_version": "1", "team": "z"}, None, {"b"}),
    ],
)
async def test_find_by_tags(
    stores: Stores, tree: Engine, tags: dict[str, str], path: str | None, expected: set[str]
) -> None:
    async with stores.lend(tree.spec()) as client:
        assert set(await client.get_all_secrets(FindRef(path=path, tags=tags))) == expected


async def test_find_without_path_in_the_store(stores: Stores, tree: Engine) -> None:
    async with stores.lend(tree.spec(path=None)) as client:
        found = await client.get_all_secrets(FindRef(path=f"{tree.v2}/data/a", name_regexp="."))
        assert set(found) == {f"{tree.v2}/data/a/one", f"{tree.v2}/data/a/deep/er/two"}
        with pytest.raises(InvalidSpecError, match="must contain data"):
            await client.get_all_secrets(FindRef(path="somewhere", name_regexp="."))


async def test_find_errors(stores: Stores, tree: Engine) -> None:
    async with stores.lend(tree.spec("v1")) as client:
        with pytest.raises(InvalidRequestError, match="v2"):
            await client.get_all_secrets(FindRef(tags={"team": "x"}))
        with pytest.raises(InvalidSpecError, match="regexp"):
            await client.get_all_secrets(FindRef(name_regexp="("))
    async with stores.lend(tree.spec("v1", path=None)) as client:
        with pytest.raises(InvalidSpecError, match="needs a path"):
            await client.get_all_secrets(FindRef(name_regexp="."))
    async with stores.lend(tree.spec()) as client:
        with pytest.raises(NoSecretError):
            await client.get_all_secrets(FindRef(path="empty", name_regexp="."))


async def test_find_skips_deleted_secrets_and_keys_named_like_the_mount(stores: Stores, tree: Engine) -> None:
    tree.vault.call("DELETE", f"{tree.v2}/data/b")
    tree.put(f"{tree.v2}/b", {"k": "in a folder that is named as the mount"})
    async with stores.lend(tree.spec()) as client:
        found = reveal_all(await client.get_all_secrets(FindRef(name_regexp="b$")))
    assert found == {f"{tree.v2}/b": b'{"k":"in a folder that is named as the mount"}'}


async def test_push_whole_secret_v2(stores: Stores, engine: Engine) -> None:
    async with stores.lend(engine.spec()) as client:
        await client.push_secret(source(a="1", b="<2>"), entry("new"))
        assert engine.read("new") == {"a": "1", "b": "<2>"}
        assert engine.metadata("new")["custom_metadata"] == {"managed-by": "external-secrets"}
        await client.push_secret(source(a="1", b="<2>"), entry("new"))
        assert engine.metadata("new")["current_version"] == 1
        await client.push_secret(source(c="3"), entry("new"))
        assert engine.read("new") == {"c": "3"}


async def test_push_value_and_property_v2(stores: Stores, engine: Engine) -> None:
    async with stores.lend(engine.spec()) as client:
        await client.push_secret(source(doc='{"x": 1, "y": "z"}'), entry("new", "doc"))
        assert engine.read("new") == {"x": 1, "y": "z"}
        await client.push_secret(source(k="v"), entry("new", "k", "added.with.dots"))
        assert engine.read("new") == {"x": 1, "y": "z", "added.with.dots": "v"}
        await client.push_secret(source(k="v"), entry("new", "k", "added.with.dots"))
        assert engine.metadata("new")["current_version"] == 2
        with pytest.raises(InvalidSpecError, match="does not hold text"):
            await client.push_secret(source(k="v"), entry("new", "k", "x"))


async def test_push_needs_a_json_object_without_property(stores: Stores, engine: Engine) -> None:
    async with stores.lend(engine.spec()) as client:
        for text in ("canary-value", '["canary-value"]'):
            with pytest.raises(InvalidSpecError) as caught:
                await client.push_secret(source(k=text), entry("new", "k"))
            assert "canary" not in str(caught.value)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_push_leaves_secrets_of_others_alone(stores: Stores, written: Engine, version: str) -> None:
    async with stores.lend(written.spec(version)) as client:
        with pytest.raises(ProviderError, match="not managed by external-secrets"):
            await client.push_secret(source(k="v"), entry("app/db", "k", "user"))
        await client.delete_secret(PushRemoteRef("app/db"))
        assert await client.secret_exists(PushRemoteRef("app/db"))


async def test_push_v1_keeps_the_marker_in_the_secret(stores: Stores, engine: Engine) -> None:
    async with stores.lend(engine.spec("v1")) as client:
        await client.push_secret(source(a="1"), entry("new"))
        await client.push_secret(source(k="v"), entry("new", "k", "p"))
        found = engine.vault.call("GET", f"{engine.v1}/new")["data"]
        assert found == {"a": "1", "p": "v", "custom_metadata": {"managed-by": "external-secrets"}}
        written = stores.counted("WriteSecretData")
        await client.push_secret(source(k="v"), entry("new", "k", "p"))
        assert stores.counted("WriteSecretData") == written == 2
        with pytest.raises(InvalidSpecError, match="reserved"):
            await client.push_secret(source(custom_metadata="x"), entry("other"))
        await client.delete_secret(PushRemoteRef("new", "p"))
        assert engine.vault.call("GET", f"{engine.v1}/new")["data"].keys() == {"a", "custom_metadata"}
        await client.delete_secret(PushRemoteRef("new", "a"))
        with pytest.raises(NoSecretError):
            await client.get_secret(RemoteRef("new"))
    async with stores.lend(engine.spec("v1", path=None)) as client:
        with pytest.raises(InvalidSpecError, match="path"):
            await client.push_secret(source(a="1"), entry(f"{engine.v1}/new"))


async def test_check_and_set(stores: Stores, engine: Engine) -> None:
    engine.vault.call("PUT", f"{engine.v2}/config", {"cas_required": True})
    async with stores.lend(engine.spec()) as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(a="1"), entry("new"))
        engine.vault.call("DELETE", f"{engine.v2}/metadata/new")
    async with stores.lend(engine.spec(checkAndSet={"required": True})) as client:
        for step in range(3):
            await client.push_secret(source(a=str(step), b="x"), entry("new"))
        assert engine.metadata("new")["current_version"] == 3
        await client.delete_secret(PushRemoteRef("new", "b"))
        assert engine.read("new") == {"a": "2"}
        engine.vault.call("DELETE", f"{engine.v2}/data/new")
        await client.push_secret(source(a="again"), entry("new"))
        assert engine.read("new") == {"a": "again"}


async def test_delete_v2(stores: Stores, engine: Engine) -> None:
    async with stores.lend(engine.spec()) as client:
        await client.push_secret(source(a="1", b="2"), entry("new"))
        await client.delete_secret(PushRemoteRef("new", "absent"))
        await client.delete_secret(PushRemoteRef("new", "a"))
        assert engine.read("new") == {"b": "2"}
        await client.delete_secret(PushRemoteRef("new", "b"))
        await client.delete_secret(PushRemoteRef("new"))
        with pytest.raises(ProviderError, match="secret not found"):
            await client.get_secret(RemoteRef("new", metadata_policy="Fetch"))
    assert stores.counted("DeleteSecret") == 3


@pytest.mark.parametrize(
    ("key", "prop", "expected"),
    [("app/db", "", True), ("app/db", "user", True), ("app/db", "nested.x", False), ("none", "", False)],
)
async def test_exists(stores: Stores, written: Engine, key: str, prop: str, expected: bool) -> None:
    async with stores.lend(written.spec()) as client:
        assert await client.secret_exists(PushRemoteRef(key, prop)) is expected


async def test_denied_path(stores: Stores, written: Engine) -> None:
    written.vault.policy("narrow", **{f"{written.v2}__data__mineSTAR": ["read"]})
    narrow = written.vault.call("POST", "auth/token/create", {"policies": ["narrow"]})["auth"]["client_token"]
    await stores.secret("narrow", token=narrow)
    spec = written.spec(auth={"tokenSecretRef": {"name": "narrow", "key": "token"}})
    with pytest.raises(AccessDeniedError, match="403"):
        await value(stores, spec, RemoteRef("app/db"))
    async with stores.lend(spec) as client:
        assert await client.validate() is ValidationResult.READY


async def test_equal_reads_are_one_call(stores: Stores, written: Engine) -> None:
    async with stores.lend(written.spec()) as client:
        refs = [RemoteRef("app/db", prop) for prop in ("user", "big", "")] * 20
        await asyncio.gather(*(client.get_secret(ref) for ref in refs))
    assert stores.counted("ReadSecretData") == 1


async def test_nobody_there(stores: Stores, engine: Engine) -> None:
    with pytest.raises(UnavailableError):
        await value(stores, engine.spec(server="http://127.0.0.1:1"), RemoteRef("k"))


@pytest.mark.parametrize("server", ["ftp://vault", "vault.example.com", "", "http://[", "https://"])
async def test_server_must_be_a_url(stores: Stores, engine: Engine, server: str) -> None:
    with pytest.raises(EsoError, match="server must be"):
        await value(stores, engine.spec(server=server), RemoteRef("k"))
