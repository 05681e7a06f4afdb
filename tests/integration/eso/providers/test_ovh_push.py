"""providers/ovh.md: what is pushed and deleted, against a server that speaks the API of OKMS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.errors import AccessDeniedError, InvalidRequestError, ProviderError
from eso.providers.base import PushRemoteRef
from eso.providers.ovh.provider import OvhProvider
from tests.support.providerbench import ProviderBench, bench, entry, source, told, value
from tests.support.vendors.ovh import DOMAIN, TOKEN, Okms
from tests.support.vendors.tokenserver import serving


class Case:
    def __init__(self, okms: Okms, stores: ProviderBench) -> None:
        self.okms = okms
        self.stores = stores

    def lend(self, **change: Any) -> Any:
        auth = {"token": {"tokenSecretRef": {"name": "okms", "key": "token"}}}
        return self.stores.lend({"server": self.okms.url, "okmsid": DOMAIN, "auth": auth, **change})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    okms = Okms()
    okms.put("creds", {"old": "canary-old"}, {"type": "credential"})
    okms.put("bare", {"a": "x"}, None)
    async with serving(okms), bench(OvhProvider()) as stores:
        await stores.secret("okms", token=TOKEN)
        yield Case(okms, stores)


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        ("", "", {"text": "canary", "number": 12345678901234567890, "object": {"k": [1, None]}, "empty": ""}),
        ("text", "", {"text": "canary"}),
        ("object", "", {"object": {"k": [1, None]}}),
        ("number", "nested", {"nested": {"number": 12345678901234567890}}),
    ],
)
async def test_pushing_creates(case: Case, key: str, property: str, wanted: dict[str, Any]) -> None:
    values = source(text="canary", number="12345678901234567890", object=' {"k": [1, null]}', empty="")
    async with case.lend() as client:
        await client.push_secret(values, entry("new/one", key, property))
        assert case.okms.stored == [("", {"path": "new/one", "version": {"data": wanted}})]
        await client.push_secret(values, entry("new/one", key, property))  # Equal: nothing is written.
    assert len(case.okms.stored) == 1
    assert case.stores.counted("OVHcloud/OKMS", "CreateSecret") == 1


@pytest.mark.parametrize(("cas", "query"), [(True, "cas=2"), (False, ""), (None, "")])
async def test_pushing_makes_a_new_version(case: Case, cas: bool | None, query: str) -> None:
    case.okms.cas_required = bool(cas)
    async with case.lend(casRequired=cas) as client:
        await client.push_secret(source(k="canary"), entry("creds", "k"))
        assert case.okms.stored == [(query, {"version": {"data": {"k": "canary"}}})]
        assert await value(client, "creds", "k") == "canary"
    assert len(case.okms.secrets["creds"]) == 3
    assert case.stores.counted("OVHcloud/OKMS", "UpdateSecret") == 1


async def test_true_is_not_one(case: Case) -> None:
    case.okms.put("flag", {"k": True})
    async with case.lend() as client:
        await client.push_secret(source(k="1"), entry("flag", "k"))
        await client.push_secret(source(k="1.0"), entry("flag", "k"))  # the same number
    assert case.okms.stored == [("", {"version": {"data": {"k": 1}}})]


async def test_writers_of_one_secret_wait_for_each_other(case: Case) -> None:
    case.okms.cas_required = True
    async with case.lend(casRequired=True) as client:
        pushes = [client.push_secret(source(k=str(number)), entry("shared", "k")) for number in range(8)]
        await asyncio.gather(*pushes)
    assert len(case.okms.secrets["shared"]) == 8


@pytest.mark.parametrize(
    ("data", "to", "text"),
    [
        ({}, entry("new"), "provided secret is empty"),
        ({"k": "canary"}, entry("new", "absent"), "not found in secret data"),
        ({"k": "canary"}, entry("bare", "k"), "secret version data is missing"),
        ({"k": "canary"}, entry("", "k"), "path of a secret"),
    ],
)
async def test_pushes_that_fail(case: Case, data: dict[str, str], to: Any, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await client.push_secret(source(**data), to)
        assert f'failed to push secret at path "{to.remote.remote_key}"' in str(caught.value)
    assert "canary" not in told(caught.value)
    assert case.okms.stored == []


async def test_a_version_that_is_not_current_any_more(case: Case) -> None:
    case.okms.cas_required = True
    async with case.lend() as client:  # The store does not name versions, the server asks for them.
        with pytest.raises(InvalidRequestError, match="17125380") as caught:
            await client.push_secret(source(k="canary"), entry("creds", "k"))
    assert "canary" not in told(caught.value)


async def test_delete_and_exists(case: Case) -> None:
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("creds", "whatever"))
        assert await client.secret_exists(PushRemoteRef("bare"))
        for _ in range(2):
            await client.delete_secret(PushRemoteRef("creds", "type"))
        assert not await client.secret_exists(PushRemoteRef("creds"))
        case.okms.tokens.clear()
        for call in (client.secret_exists(PushRemoteRef("bare")), client.delete_secret(PushRemoteRef("bare"))):
            with pytest.raises(AccessDeniedError):
                await call
    assert case.stores.counted("OVHcloud/OKMS", "DeleteSecret") == 1
    assert case.stores.counted("OVHcloud/OKMS", "DeleteSecret", "error") == 2
