"""providers/onepasswordsdk.md, authentication and reading, against an account in this process."""

from __future__ import annotations

import inspect
from typing import Any

import onepassword
import pytest
from onepassword.items_files import ItemsFiles

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
)
from eso.providers.base import FindRef, RemoteRef
from eso.providers.onepasswordsdk.provider import OnePasswordSDKProvider
from eso.values import reveal_all
from tests.integration.eso.providers.onepasswordsdk.conftest import AUTH, CACHE, REF, Case
from tests.support.providerbench import bench, entry, mapped, source, told, value
from tests.support.vendors.onepasswordsdk import identity


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 1. Authentication


async def test_service_account(case: Case) -> None:
    async with case.lend() as client:
        assert case.account.seen == ["authenticate", "vaults"]
        assert await value(client, "db/password") == "canary-value"
    assert case.account.integrations == [("1Password SDK", "v1.0.0")]
    assert case.counted("VaultsList") == 1
    assert case.counted("Resolve") == 1


async def test_integration(case: Case) -> None:
    async with case.lend(integrationInfo={"name": "platform", "version": "v9"}) as client:
        await value(client, "db/user")
    assert case.account.integrations == [("platform", "v9")]


async def test_vault_by_id(case: Case) -> None:
    async with case.lend(vault=identity(1)) as client:
        assert await value(client, "db/user") == "ann"
    assert case.asked() == [f"resolve op://{identity(1)}/db/user"]


async def test_vault_that_is_unknown(case: Case) -> None:
    with pytest.raises(InvalidRequestError, match="vault test not found"):
        async with case.lend(vault="test"):
            pass
    assert case.account.open == 0


async def test_token_that_is_refused(case: Case) -> None:
    with pytest.raises(AccessDeniedError, match="check the service account token") as caught:
        async with case.lend(auth={"serviceAccountSecretRef": {**REF, "key": "wrong"}}):
            pass
    assert "canary" not in told(caught.value)
    assert case.counted("Authenticate", "error") == 1
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(auth={"serviceAccountSecretRef": {**REF, "key": "none"}}):
            pass


async def test_sdk_itself_refuses_what_is_no_token() -> None:
    async with bench(OnePasswordSDKProvider()) as stores:
        await stores.secret("onepassword", token="canary-token")
        with pytest.raises(AccessDeniedError, match="check the service account token") as caught:
            async with stores.lend({"auth": AUTH, "vault": "prod"}):
                pass
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (onepassword.Client.authenticate, ["auth", "integration_name", "integration_version"]),
        (onepassword.Secrets.resolve, ["self", "secret_reference"]),
        (onepassword.Vaults.list, ["self", "params"]),
        (onepassword.Environments.get_variables, ["self", "environment_id"]),
        (onepassword.Items.list, ["self", "vault_id", "filters"]),
        (onepassword.Items.get, ["self", "vault_id", "item_id"]),
        (onepassword.Items.create, ["self", "params"]),
        (onepassword.Items.put, ["self", "item"]),
        (onepassword.Items.delete, ["self", "vault_id", "item_id"]),
        (ItemsFiles.read, ["self", "vault_id", "item_id", "attr"]),
    ],
)
def test_sdk_itself_has_what_the_account_of_the_tests_has(method: Any, parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters


@pytest.mark.parametrize("both", [{"vault": None}, {"environment": "env", "vault": "prod"}])
async def test_neither_or_both(case: Case, both: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError, match="exactly one of"):
        async with case.stores.lend({"auth": AUTH, **both}):
            pass


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "reference", "content"),
    [
        ("db/user", "db/user", "ann"),
        ("/db/user", "db/user", "ann"),
        ("db/Section/user", "db/Section/user", "ann"),
        ("db/user?attribute=otp", "db/user?attribute=otp", "ann?attribute=otp"),
        ("doc/note?ssh-format=openssh", "doc/note?ssh-format=openssh", "canary-note?ssh-format=openssh"),
    ],
)
async def test_secret_reference(case: Case, key: str, reference: str, content: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, "ignored", metadata_policy="Fetch") == content
    assert case.asked() == [f"resolve op://prod/{reference}"]


@pytest.mark.parametrize("key", ["db/nothing", "nothing/user", "twins/same"])
async def test_reference_that_cannot_be_resolved(case: Case, key: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=f"resolving op://prod/{key} at 1Password") as caught:
            await value(client, key)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)
    assert case.counted("Resolve", "error") == 1


async def test_version_is_refused(case: Case) -> None:
    for scope in ({}, {"environment": "env"}):
        async with case.lend(**scope) as client:
            for read in (value, mapped):
                with pytest.raises(InvalidRequestError, match=r"remoteRef.version is not supported"):
                    await read(client, "A", version="1")
    assert case.asked() == []


async def test_variable(case: Case) -> None:
    async with case.lend(environment="env") as client:
        assert await value(client, "A", "ignored") == "canary-a"
        assert await value(client, "B") == ""
        with pytest.raises(ProviderError, match="Environment env of 1Password has no variable C") as caught:
            await value(client, "C")
    assert not isinstance(caught.value, NoSecretError)
    assert case.account.seen[:2] == ["authenticate", "variables env"]
    assert case.counted("EnvironmentsGetVariables") >= 1


async def test_environment_that_is_unknown(case: Case) -> None:
    async with case.lend(environment="other") as client:
        with pytest.raises(ProviderError, match="Environment other") as caught:
            await value(client, "A")
    assert "canary" not in told(caught.value)


# 3. dataFrom

DB = {"password": "canary-value", "user": "ann", "dot.ted": "x"}


@pytest.mark.parametrize("key", ["db", identity(101)])
@pytest.mark.parametrize(
    ("prop", "expected"),
    [
        ("", DB),
        ("user", {"user": "ann"}),
        ("field/", DB),
        ("field/dot.ted", {"dot.ted": "x"}),
        ("nothing", {}),
        ("file/nothing", {}),
    ],
)
async def test_extract(case: Case, key: str, prop: str, expected: dict[str, str]) -> None:
    async with case.lend() as client:
        assert await mapped(client, key, prop) == expected
    assert case.asked() == [*(["list " + identity(1)] if key == "db" else []), f"get {identity(101)}"]
    assert case.counted("ItemsGet") == 1


async def test_extract_of_files(case: Case) -> None:
    async with case.lend() as client:
        assert reveal_all(await client.get_secret_map(RemoteRef("db", "file/ca.pem"))) == {"ca.pem": b"canary-\xff\x00"}
        assert await mapped(client, "doc") == {"doc.pdf": "canary-pdf", "more.txt": "more"}
        assert await mapped(client, "doc", "more.txt") == {"more.txt": "more"}
        assert await mapped(client, "doc", "field/note") == {"note": "canary-note"}
    assert f"read {identity(101)} ca.pem" in case.asked()  # by the id of the item
    assert case.counted("FilesRead") >= 2


@pytest.mark.parametrize("prop", ["", "same"])
async def test_extract_of_a_label_that_is_there_twice(case: Case, prop: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="more than one of its fields called same"):
            await mapped(client, "twins", prop)
        assert await mapped(client, "twins", "user") == {"user": "bob"}


async def test_extract_of_an_item_that_is_not_there(case: Case) -> None:
    case.account.item("db", ("x", "y"))
    async with case.lend() as client:
        for key in ("nothing", identity(999)):
            with pytest.raises(InvalidRequestError, match="key not found"):
                await mapped(client, key)
        with pytest.raises(InvalidRequestError, match="2 items of one 1Password vault are called db"):
            await mapped(client, "db")


async def test_title_that_looks_like_an_id(case: Case) -> None:
    case.account.item(identity(999), ("x", "y"))
    async with case.lend() as client:
        assert await mapped(client, identity(999)) == {"x": "y"}


async def test_extract_of_an_environment(case: Case) -> None:
    async with case.lend(environment="env") as client:
        assert await mapped(client, "ignored") == {"A": "canary-a", "B": ""}
        assert await mapped(client, "ignored", "A") == {"A": "canary-a"}
        with pytest.raises(ProviderError, match="no variable C"):
            await mapped(client, "ignored", "C")


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ({"path": "db"}, {**DB, "ca.pem": "canary-\udcff\x00"}),
        ({"path": "db", "name_regexp": "^(user|ca)"}, {"user": "ann", "ca.pem": "canary-\udcff\x00"}),
        ({"name_regexp": "^d"}, {"dot.ted": "x", "doc.pdf": "canary-pdf"}),
        ({"name_regexp": "^user", "tags": {"web": "ignored", "eu": ""}}, {"user": "ann"}),
        ({"tags": {"none": ""}}, {}),
        ({"path": "d"}, {}),
        ({"name_regexp": "^nothing$"}, {}),
    ],
)
async def test_find(case: Case, ref: dict[str, Any], expected: dict[str, str]) -> None:
    async with case.lend() as client:
        assert await found(client, **ref) == {
            name: content.encode("utf-8", "surrogateescape") for name, content in expected.items()
        }
    assert case.counted("ItemsList") == 1


async def test_find_that_is_ambiguous(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="more than one item of 1Password has user"):
            await found(client, name_regexp="^user$")
        with pytest.raises(ProviderError, match="more than one of its fields called same"):
            await found(client, name_regexp="same")
        case.account.item("db", ("x", "y"))
        for ref in ({"path": "db"}, {"name_regexp": "^x$"}):
            with pytest.raises(InvalidRequestError, match="2 items of one 1Password vault are called db"):
                await found(client, **ref)


async def test_find_in_an_environment(case: Case) -> None:
    async with case.lend(environment="env") as client:
        everything = {"A": b"canary-a", "B": b""}
        assert await found(client) == everything
        assert await found(client, path="p", tags={"t": ""}) == everything
        assert await found(client, name_regexp="^A$") == {"A": b"canary-a"}


# 6. The cache


async def test_without_a_cache_nothing_is_kept(case: Case) -> None:
    for _ in range(2):
        async with case.lend(uid="same") as client:
            await value(client, "db/user")
            await mapped(client, "db")
    assert case.asked().count("resolve op://prod/db/user") == 2


async def test_cache(case: Case) -> None:
    async with case.lend(cache=CACHE) as client:
        for _ in range(2):
            assert await value(client, "/twins/user") == "bob"
            assert await mapped(client, "db") == DB
            assert await found(client, path="doc") == {
                "note": b"canary-note",
                "doc.pdf": b"canary-pdf",
                "more.txt": b"more",
            }
            assert await mapped(client, "doc") == {"doc.pdf": "canary-pdf", "more.txt": "more"}
        assert case.asked() == [
            "resolve op://prod/twins/user",
            f"list {identity(1)}",
            f"get {identity(101)}",
            f"get {identity(104)}",
            f"read {identity(104)} doc.pdf",
            f"read {identity(104)} more.txt",
        ]
        # of an item that is kept, under both of its names
        assert await value(client, "db/user") == "ann"
        assert await value(client, f"{identity(101)}/dot.ted") == "x"
        assert case.asked() == []
        await value(client, "db/Section/user")
        assert case.asked() == ["resolve op://prod/db/Section/user"]
        case.now = 10.0
        await value(client, "db/user")
        assert case.asked() == ["resolve op://prod/db/user"]


async def test_cache_of_an_environment(case: Case) -> None:
    async with case.lend(environment="env", cache=CACHE) as client:
        await value(client, "A")
        await mapped(client, "x")
        await found(client)
        assert case.asked() == ["variables env"]
        case.now = 10.0
        await value(client, "A")
        assert case.asked() == ["variables env"]


async def test_cache_has_a_size(case: Case) -> None:
    async with case.lend(cache={"maxSize": 1}) as client:
        for key in ("db/user", "db/password", "db/user"):
            await value(client, key)
        assert len(case.asked()) == 3
        await value(client, "db/user")
        assert case.asked() == []


async def test_write_drops_what_is_kept_of_the_item(case: Case) -> None:
    async with case.lend(cache=CACHE) as client:
        for key in ("db/user", f"{identity(101)}/user", "doc/note"):
            await value(client, key)
        await mapped(client, "db")
        await mapped(client, identity(101))
        await client.get_secret_map(RemoteRef("db", "file/ca.pem"))
        await client.push_secret(source(k="new"), entry("db", "k", "user"))
        case.asked()
        assert await value(client, "db/user") == "new"
        assert await value(client, f"{identity(101)}/user") == "new"
        assert await mapped(client, identity(101)) == {**DB, "user": "new"}
        await client.get_secret_map(RemoteRef("db", "file/ca.pem"))
        assert await value(client, "doc/note") == "canary-note"
        assert case.asked() == [
            "resolve op://prod/db/user",
            f"resolve op://prod/{identity(101)}/user",
            f"get {identity(101)}",
            f"read {identity(101)} ca.pem",
        ]
