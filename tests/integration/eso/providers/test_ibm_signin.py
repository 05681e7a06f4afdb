"""providers/ibm.md: signing in, retries and what lives, against a server that speaks IBM Cloud's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eso.api.externalsecrets_v1.secretstore import SecretStore
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
from eso.providers.base import ValidationResult
from eso.providers.ibm.provider import IBMProvider
from tests.support.providerbench import ProviderBench, bench, told, value
from tests.support.vendors.ibm import API_KEY, CR_TOKEN, IBM, filled, identity
from tests.support.vendors.tokenserver import serving

KEY = {"secretRef": {"secretApiKeySecretRef": {"name": "ibm", "key": "apiKey"}}}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, ibm: IBM, stores: ProviderBench, clock: Clock) -> None:
        self.ibm = ibm
        self.stores = stores
        self.clock = clock

    def lend(self, auth: dict[str, Any] | None = None, **options: Any) -> Any:
        return self.stores.lend({"serviceUrl": f"{self.ibm.url}/", "auth": auth or KEY}, **options)

    def patient(self, **settings: Any) -> Any:
        """A store with `retrySettings`."""
        provider = {"ibm": {"serviceUrl": self.ibm.url, "auth": KEY}}
        body = {
            "metadata": {"name": "store", "uid": "patient", "namespace": "app"},
            "spec": {"provider": provider, "retrySettings": settings},
        }
        return self.stores.manager.client_for(SecretStore.from_wire(body), "app")

    @property
    def reads(self) -> list[str]:
        return [path.removeprefix("GET /api/v2/") for path in self.ibm.seen if path.startswith("GET /api/v2/")]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    ibm, clock = filled(), Clock()
    async with serving(ibm), bench(IBMProvider(ibm.url, clock, pause=0.01)) as stores:
        await stores.secret("ibm", apiKey=API_KEY, wrong="canary-wrong")
        yield Case(ibm, stores, clock)


# 1. Authentication


async def test_api_key(case: Case) -> None:
    async with case.lend() as client:
        assert case.ibm.seen == []  # lazy, at the first read
        for key in (identity(1), f"kv/{identity(10)}"):
            await value(client, key)
    assert case.ibm.forms == [
        {
            "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
            "apikey": API_KEY,
            "response_type": "cloud_iam",
        }
    ]
    assert case.stores.counted("IBM/IAM", "GetToken") == 1
    assert case.stores.counted("IBM/SecretsManager", "GetSecret") == 2


async def test_iam_endpoint_of_the_store(case: Case) -> None:
    elsewhere = IBM()
    async with serving(elsewhere):
        for suffix in ("", "/", "/identity/token"):
            auth = {"secretRef": {**KEY["secretRef"], "iamEndpoint": elsewhere.url + suffix}}
            async with case.lend(auth) as client:
                with pytest.raises(AccessDeniedError):  # the instance does not know this account
                    await value(client, identity(1))
    assert case.ibm.forms == []
    assert set(elsewhere.seen) == {"POST /identity/token"}


async def test_container(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{CR_TOKEN}\n")
    auth = {"containerAuth": {"profile": "reader", "tokenLocation": str(file), "iamEndpoint": case.ibm.url}}
    async with case.lend(auth) as client:
        assert await value(client, identity(1)) == "canary-payload"
        case.ibm.profiles = {"canary-next": "reader"}
        file.write_text("canary-next")  # as the kubelet does
        case.ibm.valid.clear()
        assert await value(client, f"iam_credentials/{identity(3)}") == "canary-iam"
    assert case.ibm.forms[0] == {
        "grant_type": "urn:ibm:params:oauth:grant-type:cr-token",
        "cr_token": CR_TOKEN,
        "profile_name": "reader",
        "response_type": "cloud_iam",
    }
    assert case.ibm.forms[1]["cr_token"] == "canary-next"


@pytest.mark.parametrize("content", [b"", b"canary two words", b"canary: |\n  x", b"\xff\x00canary"])
async def test_what_is_no_token_is_not_given_away(case: Case, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    async with case.lend({"containerAuth": {"profile": "reader", "tokenLocation": str(file)}}) as client:
        with pytest.raises(InvalidSpecError, match="tokenLocation") as caught:
            await value(client, identity(1))
    assert "canary" not in told(caught.value)
    assert case.ibm.forms == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("/none", "it is not a file"),
        ("/", "it is not a file"),
        ("/a\0b", "tokenLocation"),
        ("/var/run/secrets/kubernetes.io/serviceaccount/token", "own token is not sent"),
        ("/var/run/secrets/tokens/../kubernetes.io/serviceaccount/token", "own token is not sent"),
    ],
)
async def test_files_that_are_not_read(case: Case, file: str, text: str) -> None:
    async with case.lend({"containerAuth": {"profile": "reader", "tokenLocation": file}}) as client:
        with pytest.raises(InvalidSpecError, match=text):
            await value(client, identity(1))
    assert case.ibm.forms == []


async def test_a_link_to_the_own_token_is_not_followed(case: Case, tmp_path: Path) -> None:
    link = tmp_path / "token"
    link.symlink_to("/var/run/secrets/kubernetes.io/serviceaccount/token")
    async with case.lend({"containerAuth": {"profile": "reader", "tokenLocation": str(link)}}) as client:
        with pytest.raises(InvalidSpecError, match="own token is not sent"):
            await value(client, identity(1))


@pytest.mark.parametrize(("lifetime", "kept", "over"), [(3600, 2879, 2881), (100, 79, 81), (None, 2879, 2881)])
async def test_tokens_are_replaced_after_four_fifths_of_their_life(
    case: Case, lifetime: int | None, kept: float, over: float
) -> None:
    case.ibm.lifetime = lifetime
    async with case.lend() as client:
        await value(client, identity(1))
        case.clock.now += kept
        await value(client, f"iam_credentials/{identity(3)}")
        assert len(case.ibm.forms) == 1
        case.clock.now += over - kept
        await value(client, f"service_credentials/{identity(4)}")
        assert len(case.ibm.forms) == 2


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        await value(client, identity(1))
        case.ibm.valid.clear()
        await value(client, f"iam_credentials/{identity(3)}")
        assert len(case.ibm.forms) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"canary", AccessDeniedError),
        (401, b"canary", AccessDeniedError),
        (404, b"canary", InvalidRequestError),
        (500, b"canary", UnavailableError),
        (200, b"canary", ProviderError),
        (200, b'{"access_token":""}', ProviderError),
        (200, b'{"access_token":"canary\\n"}', ProviderError),
    ],
)
async def test_a_sign_in_that_fails(case: Case, status: int, body: bytes, error: type[EsoError]) -> None:
    case.ibm.fault = (status, {}, body)
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(error, match="signing in at IBM Cloud IAM") as caught:
            await value(client, identity(1))
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


async def test_a_missing_or_wrong_key(case: Case) -> None:
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend({"secretRef": {"secretApiKeySecretRef": {"name": "none", "key": "x"}}}):
            pass
    async with case.lend({"secretRef": {"secretApiKeySecretRef": {"name": "ibm", "key": "wrong"}}}) as client:
        with pytest.raises(AccessDeniedError, match="credentials") as caught:
            await value(client, identity(1))
    assert "canary" not in told(caught.value)


# 6. API: retries


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_retries_where_the_store_asks_for_them(case: Case, status: int) -> None:
    case.ibm.faults = [(status, {})] * 3
    async with case.patient() as client:
        assert await value(client, identity(1)) == "canary-payload"
    assert len(case.reads) == 4
    assert case.stores.counted("IBM/SecretsManager", "GetSecret") == 1


@pytest.mark.parametrize(
    ("settings", "faults", "reads", "error"),
    [
        ({"maxRetries": 1, "retryInterval": "10ms"}, [(503, {})] * 9, 2, UnavailableError),
        ({"maxRetries": 0}, [(503, {})], 1, UnavailableError),
        ({"retryInterval": "1ms"}, [(429, {"Retry-After": "7"})], 1, ThrottledError),
        ({}, [(403, {})], 1, AccessDeniedError),
        ({}, [(302, {"Location": "http://127.0.0.1:1/"})], 1, InvalidRequestError),
    ],
)
async def test_retries_that_end(
    case: Case, settings: dict[str, Any], faults: list[Any], reads: int, error: type[EsoError]
) -> None:
    case.ibm.faults = list(faults)
    async with case.patient(**settings) as client:
        with pytest.raises(error) as caught:
            await value(client, identity(1))
    assert "canary" not in told(caught.value)
    assert len(case.reads) == reads


async def test_without_settings_nothing_is_tried_again(case: Case) -> None:
    case.ibm.faults = [(503, {})]
    async with case.lend() as client:
        with pytest.raises(UnavailableError):
            await value(client, identity(1))
    assert len(case.reads) == 1


async def test_an_interval_that_is_no_duration(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="retryInterval"):
        async with case.patient(retryInterval="soon"):
            pass


# 9. State


async def test_stores_do_not_share_their_clients(case: Case) -> None:
    other = IBM(keys={"canary-other"})
    other.add("arbitrary", "text", payload="of another account")
    await case.stores.secret("second", apiKey="canary-other")
    async with serving(other):
        auth = {"secretRef": {"secretApiKeySecretRef": {"name": "second", "key": "apiKey"}, "iamEndpoint": other.url}}
        second = case.stores.lend({"serviceUrl": other.url, "auth": auth})
        async with case.lend() as first, second as client:
            found = await asyncio.gather(*(value(each, identity(1)) for each in (first, client, first)))
    assert found == ["canary-payload", "of another account", "canary-payload"]
