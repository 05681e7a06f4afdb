"""providers/fortanix.md, row by row, against a server that speaks the API of Fortanix DSM."""

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
from eso.providers.fortanix.provider import FortanixProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.fortanix import API_KEY, Fortanix, SecurityObject
from tests.support.vendors.tokenserver import serving

KEY = {"name": "fortanix", "key": "api-key"}
LABEL = "Fortanix/DSM"


def objects() -> dict[str, SecurityObject]:
    return {
        "text": SecurityObject(b"canary-text"),
        "binary": SecurityObject(b"\xff\x00canary"),
        "texts": SecurityObject(b'{"a":"x","dot.ted":"y","n":null,"<":"&"}'),
        "nested": SecurityObject(b'{"a":"x","n":{"canary":1}}'),
        "opaque": SecurityObject(b'{"o":"canary-opaque"}', "OPAQUE"),
        "empty": SecurityObject(b""),
        "key": SecurityObject(None, "AES"),
        "valueless": SecurityObject(None),
        "sealed": SecurityObject(b"canary", exportable=False),
    }


class Case:
    def __init__(self, fortanix: Fortanix, stores: ProviderBench) -> None:
        self.fortanix = fortanix
        self.stores = stores

    def lend(
        self, key: dict[str, str] | None = None, *, cluster: bool = False, consumer: str = "app", **more: Any
    ) -> Any:
        spec = {"apiUrl": self.fortanix.url, "apiKey": {"secretRef": key or KEY}, **more}
        return self.stores.lend(spec, cluster=cluster, consumer=consumer)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    fortanix = Fortanix(objects=objects())
    async with serving(fortanix), bench(FortanixProvider()) as stores:
        await stores.secret("fortanix", api__key=API_KEY, wrong="canary-wrong", line=f"{API_KEY}\n")
        yield Case(fortanix, stores)


# 1. Authentication


async def test_the_api_key_is_sent_as_it_is(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "text") == "canary-text"
    assert case.fortanix.seen == ["POST /crypto/v1/keys/info", "POST /crypto/v1/keys/export"]


async def test_an_api_key_that_is_wrong(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend({**KEY, "key": "wrong"}) as client:
        with pytest.raises(AccessDeniedError, match="401") as caught:
            await value(client, "text")
    assert "canary" not in told(caught.value) + caplog.text
    with pytest.raises(InvalidSpecError, match="line break") as refused:
        async with case.lend({**KEY, "key": "line"}):
            pass
    assert API_KEY not in told(refused.value)
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend({"name": "none", "key": "x"}):
            pass


async def test_a_cluster_store_takes_the_key_of_its_consumer(case: Case) -> None:
    async with case.lend(cluster=True) as client:
        assert await value(client, "text") == "canary-text"
    async with case.lend(cluster=True, consumer="") as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    there = {**KEY, "namespace": "app"}
    async with case.lend(there, cluster=True, consumer="other") as client:
        assert await value(client, "text") == "canary-text"
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(cluster=True, consumer="other"):
            pass


@pytest.mark.parametrize(("prefix", "end"), [("", "/"), ("/dsm", ""), ("/dsm", "/")])
async def test_the_url_may_have_a_path_and_a_slash_at_its_end(case: Case, prefix: str, end: str) -> None:
    case.fortanix.prefix = prefix
    async with case.lend(apiUrl=f"{case.fortanix.url}{prefix}{end}") as client:
        assert await value(client, "text") == "canary-text"


# 2. remoteRef


async def test_values(case: Case) -> None:
    async with case.lend() as client:
        for key, property, wanted in (
            ("text", "", "canary-text"),
            ("binary", "", b"\xff\x00canary".decode("utf-8", "surrogateescape")),
            ("empty", "", ""),
            ("opaque", "", '{"o":"canary-opaque"}'),
            ("opaque", "o", "canary-opaque"),
            ("texts", "a", "x"),
            ("texts", "dot.ted", "y"),  # no path
            ("texts", "n", ""),
            ("texts", "<", "&"),
        ):
            assert await value(client, key, property) == wanted, (key, property)
        assert await value(client, "text", version="9", metadata_policy="Fetch") == "canary-text"
    assert case.stores.counted(LABEL, "GetSobject") > 0
    assert case.stores.counted(LABEL, "ExportSobject") > 0


async def test_only_secrets_are_exported(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "opaque")
    assert case.fortanix.seen == ["POST /crypto/v1/keys/info"]


async def test_a_reply_that_is_a_key_id_alone_is_enough(case: Case) -> None:
    case.fortanix.bare = True
    async with case.lend() as client:
        assert await value(client, "text") == "canary-text"
        assert await value(client, "opaque", "o") == "canary-opaque"


@pytest.mark.parametrize(
    ("key", "property", "error", "text"),
    [
        ("none", "", InvalidRequestError, "404"),
        ("key", "", InvalidRequestError, "has no value"),
        ("valueless", "", InvalidRequestError, "has no value"),
        ("sealed", "", AccessDeniedError, "403"),
        ("text", "a", ProviderError, "valid JSON"),
        ("nested", "a", ProviderError, "object of texts"),
        ("texts", "dot", ProviderError, "unable to get value for key dot"),
        ("texts", "none", ProviderError, "unable to get value for key none"),
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
    wanted = {"a": "x", "dot.ted": "y", "n": "", "<": "&"}
    case.fortanix.objects["null"] = SecurityObject(b"null")
    async with case.lend() as client:
        assert await mapped(client, "texts") == wanted
        assert await mapped(client, "texts", "a") == wanted
        assert await mapped(client, "opaque") == {"o": "canary-opaque"}
        assert await mapped(client, "null") == {}
        for key in ("text", "nested", "none"):
            with pytest.raises(ProviderError) as caught:
                await mapped(client, key)
            assert "canary" not in told(caught.value)


# 3. and 4. What is not supported


async def test_find_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(name_regexp="."))
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("a", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("a"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("a"))


# 5. Validation


async def test_validation_asks_nobody(case: Case) -> None:
    assert FortanixProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend({**KEY, "key": "wrong"}, apiUrl=None) as client:
        assert await client.validate() is ValidationResult.READY
    assert case.fortanix.seen == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "apiKey is required"),
        ({}, r"apiKey\.secretRef is required"),
        ({"secretRef": {"key": "k"}}, r"apiKey\.secretRef\.name is required"),
        ({"secretRef": {"name": "n"}}, r"apiKey\.secretRef\.key is required"),
        ({"secretRef": {**KEY, "namespace": "x"}}, "namespace"),
    ],
)
def test_static_checks(key: dict[str, Any] | None, text: str) -> None:
    def check(key: dict[str, Any] | None, kind: str, namespace: str) -> list[str]:
        spec = FortanixProvider.spec_type.model_validate({} if key is None else {"apiKey": key})
        return list(FortanixProvider().validate_store(spec, store_kind=kind, store_namespace=namespace))

    with pytest.raises(InvalidSpecError, match=text):
        check(key, "SecretStore", "app")
    assert check({"secretRef": KEY}, "SecretStore", "app") == []
    assert check({"secretRef": KEY}, "ClusterSecretStore", "") == []  # referent
    assert check({"secretRef": {**KEY, "namespace": "x"}}, "ClusterSecretStore", "") == []


@pytest.mark.parametrize(
    "url", ["sdkms.fortanix.com", "ftp://sdkms.fortanix.com", "https://", "https://[::1", "https://a:0"]
)
async def test_an_address_that_is_none(case: Case, url: str) -> None:
    with pytest.raises(InvalidSpecError, match=r"^apiUrl must be a URL like https://sdkms\.fortanix\.com"):
        case.stores.check({"apiUrl": url, "apiKey": {"secretRef": KEY}})
    with pytest.raises(InvalidSpecError, match=r"^apiUrl"):
        async with case.lend(apiUrl=url):
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
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.fortanix.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
    async with case.lend() as client:
        with pytest.raises(error, match=str(status)) as caught:
            await value(client, "text")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value) + caplog.text
    assert API_KEY not in told(caught.value) + caplog.text


async def test_malformed_answers(case: Case) -> None:
    async with case.lend() as client:
        for body in (b"canary", b'["canary"]', b'{"value": 7}', b'{"value": "canary!"}', b"null"):
            case.fortanix.fault = (200, {}, body)
            with pytest.raises(ProviderError) as caught:
                await value(client, "text")
            assert "canary" not in told(caught.value)
