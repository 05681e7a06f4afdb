"""providers/onepasswordsdk.md, pushing, stores and refusals, against an account in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eso.errors import (
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.onepasswordsdk.api import OnePasswordAPI
from eso.providers.onepasswordsdk.provider import OnePasswordSDKProvider
from eso.providers.onepasswordsdk.spec import OnePasswordSDKSpec
from tests.integration.eso.providers.onepasswordsdk.conftest import AUTH, REF, Case
from tests.support.providerbench import entry, source, told, value
from tests.support.vendors.onepasswordsdk import TOKEN, identity


def options(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
        "kind": "PushSecretMetadata",
        "spec": spec,
    }


def fields(case: Case, title: str) -> dict[str, tuple[str, str]]:
    return {each.title: (each.field_type.value, each.value) for each in case.account.titled(title).fields}


# 4. Push


@pytest.mark.parametrize(("prop", "title"), [("", "password"), ("token", "token")])
async def test_push_makes_an_item(case: Case, prop: str, title: str) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="canary-new"), entry("new", "k", prop, options(tags=["a", "b"])))
        assert case.asked() == [f"list {identity(1)}", "create new"]
        assert await value(client, f"new/{title}") == "canary-new"
    made = case.account.titled("new")
    assert (made.category.value, made.tags, made.vault_id) == ("Server", ["a", "b"], identity(1))
    assert fields(case, "new") == {title: ("Concealed", "canary-new")}
    assert (case.counted("ItemsList"), case.counted("ItemsCreate")) == (1, 1)


@pytest.mark.parametrize("key", ["db", identity(101)])
@pytest.mark.parametrize(("prop", "title"), [("", "password"), ("user", "user"), ("token", "token")])
async def test_push_changes_an_item(case: Case, key: str, prop: str, title: str) -> None:
    before = fields(case, "db")
    async with case.lend() as client:
        for _ in range(2):  # what is equal already is not written
            await client.push_secret(source(k="new"), entry(key, "k", prop))
    assert fields(case, "db") == {**before, title: ("Concealed", "new")}
    assert list(fields(case, "db"))[:3] == list(before)
    after = case.account.titled("db")
    assert (after.tags, after.notes, after.version, len(after.files)) == (["web", "eu"], "kept", 2, 1)
    assert case.counted("ItemsPut") == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text", "Text"),
        ("String", "Text"),
        ("CONCEALED", "Concealed"),
        ("password", "Concealed"),
        ("url", "Url"),
        ("Email", "Email"),
        ("phone", "Phone"),
        ("date", "Date"),
        ("monthYear", "MonthYear"),
        ("monthyear", "MonthYear"),
        ("nonsense", "Concealed"),
    ],
)
async def test_field_type(case: Case, name: str, kind: str) -> None:
    async with case.lend() as client:
        for title in ("db", "new"):
            await client.push_secret(source(k="x"), entry(title, "k", "user", options(fieldType=name, tags=["t"])))
            assert fields(case, title)["user"] == (kind, "x")
            assert case.account.titled(title).tags == ["t"]


async def test_push_of_the_whole_secret(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(user="new", extra="e"), entry("db", "", "ignored"))
        await client.push_secret(source(b="2", a="1"), entry("new", "", "ignored", options(fieldType="text")))
    assert fields(case, "db") == {"user": ("Concealed", "new"), "extra": ("Concealed", "e")}
    assert fields(case, "new") == {"a": ("Text", "1"), "b": ("Text", "2")}


async def test_push_to_an_item_that_was_pushed(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="1"), entry("new", "k"))
        await client.push_secret(source(k="2"), entry("new", "k"))  # its field came back with a blank section
    assert [each.section_id for each in case.account.titled("new").fields] == [None]
    assert case.counted("ItemsPut") == 1


async def test_pushes_to_one_item_at_the_same_time(case: Case) -> None:
    async with case.lend() as client, asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(client.push_secret(source(k=name), entry("new", "k", name)))
    assert set(fields(case, "new")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("key", "prop", "secret_key", "message"),
    [
        ("twins", "same", "k", "more than one of its fields called same"),
        ("doubled", "x", "k", "2 items of one 1Password vault are called doubled"),
        ("db", "user", "none", "secret key none does not exist"),
        ("db", "user", "binary", "user cannot be pushed to 1Password: it is not UTF-8"),
    ],
)
async def test_push_that_is_refused(case: Case, key: str, prop: str, secret_key: str, message: str) -> None:
    case.account.item("doubled")
    case.account.item("doubled")
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=message):
            await client.push_secret(source(k="x", binary=b"\xff"), entry(key, secret_key, prop))
    assert not {"put", "create"} & {each.split()[0] for each in case.asked()}


async def test_metadata_that_is_unknown(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError, match=r'unknown field "spec.vault"'):
            await client.push_secret(source(k="x"), entry("db", "k", "", options(vault="x")))


async def test_delete_of_a_field(case: Case) -> None:
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("db", "user"))
        assert set(fields(case, "db")) == {"password", "dot.ted"}
        assert case.counted("ItemsPut") == 1
        for remote in (PushRemoteRef("db", "user"), PushRemoteRef("db"), PushRemoteRef("nothing", "user")):
            await client.delete_secret(remote)  # not there is success, without a call
        await client.delete_secret(PushRemoteRef(identity(999), "user"))
        with pytest.raises(ProviderError, match="more than one of its fields called same"):
            await client.delete_secret(PushRemoteRef("twins", "same"))
    assert (case.counted("ItemsPut"), case.counted("ItemsDelete")) == (1, 0)


async def test_delete_of_the_last_field(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="1"), entry("new", "k"))
        made = case.account.titled("new").id
        await client.delete_secret(PushRemoteRef("new", "password"))
        assert made not in case.account.items
        assert case.counted("ItemsDelete") == 1
        for name in ("password", "user", "dot.ted"):
            await client.delete_secret(PushRemoteRef("db", name))
        assert case.account.titled("db").fields == []  # its file is left


async def test_existence(case: Case) -> None:
    async with case.lend() as client:
        for key in ("db", identity(101)):
            assert await client.secret_exists(PushRemoteRef(key))
            assert await client.secret_exists(PushRemoteRef(key, "user"))
            assert not await client.secret_exists(PushRemoteRef(key, "nothing"))
        assert not await client.secret_exists(PushRemoteRef("nothing", "user"))


async def test_environment_is_read_only(case: Case) -> None:
    async with case.lend(environment="env") as client:
        for attempt in (
            client.push_secret(source(k="x"), entry("A", "k")),
            client.delete_secret(PushRemoteRef("A")),
            client.secret_exists(PushRemoteRef("A")),
        ):
            with pytest.raises(InvalidRequestError, match="read-only"):
                await attempt
    assert case.asked() == []


# 5. Store


async def test_store(case: Case) -> None:
    assert case.stores.provider.capabilities is Capabilities.READ_WRITE
    assert case.stores.check({"auth": AUTH, "vault": "prod", "cache": {}}) == []
    assert case.stores.check({"auth": AUTH, "environment": "env"}) == []
    for scope in ({}, {"environment": "env"}):
        async with case.lend(**scope) as client:
            assert await client.validate() is ValidationResult.READY
    assert case.asked() == []


@pytest.mark.parametrize(
    ("change", "cluster", "message"),
    [
        ({"auth": {"serviceAccountSecretRef": {"key": "x"}}}, False, "missing: .*serviceAccountSecretRef.name"),
        ({"auth": {"serviceAccountSecretRef": {"name": "x"}}}, False, "missing: .*serviceAccountSecretRef.key"),
        ({"vault": ""}, False, "exactly one of .*: missing: spec.provider.onepasswordSDK.vault"),
        ({"environment": "env"}, False, "exactly one of .*: both are set"),
        ({"cache": {"ttl": "soon"}}, False, "cache.ttl"),
        (
            {"auth": {"serviceAccountSecretRef": {**REF, "namespace": "other"}}},
            False,
            "should either be empty or match",
        ),
        ({}, True, "cluster scope requires namespace"),
    ],
)
def test_store_that_is_refused(change: dict[str, Any], cluster: bool, message: str) -> None:
    spec = OnePasswordSDKSpec.model_validate({"auth": AUTH, "vault": "prod", **change})
    kind, namespace = ("ClusterSecretStore", "") if cluster else ("SecretStore", "app")
    with pytest.raises(InvalidSpecError, match=message):
        OnePasswordSDKProvider().validate_store(spec, store_kind=kind, store_namespace=namespace)


# 6. Failures of the SDK

ATTEMPTS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "read": lambda client: client.get_secret(RemoteRef("db/user")),
    "extract": lambda client: client.get_secret_map(RemoteRef("db")),
    "find": lambda client: client.get_all_secrets(FindRef()),
    "push": lambda client: client.push_secret(source(k="canary-x"), entry("db", "k")),
    "delete": lambda client: client.delete_secret(PushRemoteRef("db", "user")),
    "exists": lambda client: client.secret_exists(PushRemoteRef(identity(101))),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("refused", ProviderError, "refuses it or cannot be reached"),
        ("throttled", ThrottledError, "too many requests"),
        ("malformed", ProviderError, "answer is malformed"),
    ],
)
async def test_failures(
    case: Case, attempt: str, fault: str, kind: type[ProviderError], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with case.lend() as client:
        case.account.fault = fault
        with pytest.raises(kind, match=message) as caught:
            await ATTEMPTS[attempt](client)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value) + caplog.text


async def test_silence(case: Case) -> None:
    async with case.lend() as client:
        case.account.fault = "silent"
        with pytest.raises(UnavailableError, match="did not answer in time"):
            await ATTEMPTS["read"](client)


async def test_items_do_not_show_their_values(case: Case) -> None:
    async with case.lend():
        api = OnePasswordAPI(
            await case.account.authenticate(TOKEN, "", ""),
            DirectCalls("1Password/SDK", ProviderCallMetrics(CollectorRegistry())),
            1.0,
        )
        assert "canary" not in repr(await api.item(identity(1), identity(101)))
        api.close()
