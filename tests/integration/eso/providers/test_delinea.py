"""providers/delinea.md, row by row, against a server that speaks the API of DevOps Secrets Vault."""

from __future__ import annotations

import asyncio
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
from eso.providers.base import Capabilities, FindRef, Maintenance, PushRemoteRef, ValidationResult
from eso.providers.delinea.address import Tenant
from eso.providers.delinea.provider import DelineaProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.delinea import CLIENT, SECRET, DevOpsSecretsVault
from tests.support.vendors.tokenserver import serving

ID = {"value": CLIENT}
PASSWORD = {"secretRef": {"name": "delinea", "key": "secret"}}
TEXTS = {
    "user": "ann",
    "password": "canary-password",
    "port": 5432,
    "ratio": 1e21,
    "on": True,
    "none": None,
    "hosts": ["a", "b"],
    "tls": {"z": "<&>", "a": 1},
    "dot.ted": "y",
}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, vault: DevOpsSecretsVault, stores: ProviderBench, clock: Clock) -> None:
        self.vault = vault
        self.stores = stores
        self.clock = clock

    def lend(self, *, cluster: bool = False, consumer: str = "app", **more: Any) -> Any:
        template = f"{self.vault.url}/%s/%s/v1/%s%s"
        spec = {"tenant": "acme", "urlTemplate": template, "clientId": ID, "clientSecret": PASSWORD, **more}
        return self.stores.lend(spec, cluster=cluster, consumer=consumer)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    vault = DevOpsSecretsVault(secrets={"db/main": TEXTS, "odd/a b?c#d%41": {"x": "odd"}, "bare": None, "empty": {}})
    clock = Clock()
    async with serving(vault), bench(DelineaProvider(clock)) as stores:
        await stores.secret("delinea", id=CLIENT, secret=SECRET, wrong="canary-wrong", nothing="")
        yield Case(vault, stores, clock)


# 1. Authentication


@pytest.mark.parametrize("client", [ID, {"secretRef": {"name": "delinea", "key": "id"}}])
@pytest.mark.parametrize("secret", [{"value": SECRET}, PASSWORD])
async def test_values_and_references(case: Case, client: dict[str, Any], secret: dict[str, Any]) -> None:
    async with case.lend(clientId=client, clientSecret=secret) as lent:
        assert case.vault.seen == []  # lazy, at the first read
        assert await value(lent, "db/main", "user") == "ann"
    assert case.vault.seen == ["POST /acme/com/v1/token", "GET /acme/com/v1/secrets/db/main"]
    assert case.vault.signed_in == [CLIENT]
    assert case.stores.counted("Delinea/DevOpsSecretsVault", "GetToken") == 1
    assert case.stores.counted("Delinea/DevOpsSecretsVault", "GetSecret") == 1


async def test_many_reads_are_one_sign_in(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(value(client, key) for key in ("db/main", "bare", "empty")))
    assert len(case.vault.signed_in) == 1


@pytest.mark.parametrize(("lifetime", "kept", "over"), [(3600, 3239, 3241), (60, 53, 55), (None, 299, 301)])
async def test_a_token_is_used_for_most_of_its_life(case: Case, lifetime: int | None, kept: int, over: int) -> None:
    case.vault.lifetime = lifetime
    async with case.lend() as client:
        await value(client, "db/main")
        case.clock.now += kept
        await value(client, "bare")
        assert len(case.vault.signed_in) == 1
        case.clock.now += over - kept
        await value(client, "empty")
        assert len(case.vault.signed_in) == 2


async def test_stores_do_not_share_tokens(case: Case) -> None:
    case.vault.clients["canary-other"] = "canary-else"
    async with (
        case.lend() as one,
        case.lend(clientId={"value": "canary-other"}, clientSecret={"value": "canary-else"}) as two,
    ):
        await value(one, "db/main")
        await value(two, "db/main")
    assert case.vault.signed_in == [CLIENT, "canary-other"]


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "db/main")
        case.vault.tokens.clear()
        await value(client, "bare")
        assert len(case.vault.signed_in) == 2
        case.vault.tokens.clear()
        case.vault.clients.clear()
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "empty")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ({"secretRef": {"name": "delinea", "key": "none"}}, ReferenceNotFoundError),
        ({"secretRef": {"name": "none", "key": "secret"}}, ReferenceNotFoundError),
        ({"secretRef": {"name": "delinea", "key": "nothing"}}, InvalidSpecError),
    ],
)
async def test_credentials_that_are_not_there(case: Case, secret: dict[str, Any], error: type[EsoError]) -> None:
    with pytest.raises(error):
        async with case.lend(clientSecret=secret):
            pass


async def test_a_wrong_secret(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend(clientSecret={"secretRef": {"name": "delinea", "key": "wrong"}}) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(AccessDeniedError, match="credentials") as caught:
            await value(client, "db/main")
    assert "canary" not in told(caught.value) + caplog.text


async def test_cluster_stores_name_the_namespace(case: Case) -> None:
    named = {"secretRef": {"name": "delinea", "key": "secret", "namespace": "app"}}
    async with case.lend(cluster=True, consumer="other", clientSecret=named) as client:
        assert await value(client, "db/main", "user") == "ann"
    for consumer in ("app", ""):
        with pytest.raises(
            InvalidSpecError, match="when using a ClusterSecretStore, namespaces must be explicitly set"
        ):
            async with case.lend(cluster=True, consumer=consumer):
                pass


@pytest.mark.parametrize(
    "body", [b"canary", b'["canary"]', b'{"accessToken": 7}', b'{"accessToken":"canary\\n"}', b"{}"]
)
async def test_an_answer_that_is_no_token(case: Case, body: bytes) -> None:
    case.vault.fault = (200, {}, body)
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="answer") as caught:
            await value(client, "db/main")
    assert "canary" not in told(caught.value)


# The address


@pytest.mark.parametrize(
    ("tld", "template", "wanted"),
    [
        ("", "", "https://acme.secretsvaultcloud.com/v1/secrets/a/b%3Fc"),
        ("eu", "", "https://acme.secretsvaultcloud.eu/v1/secrets/a/b%3Fc"),
        ("eu", "http://%s.dsv.%s:81/x/%s%s", "http://acme.dsv.eu:81/x/secrets/a/b%3Fc"),
        ("eu", "https://dsv/%%20/%[3]s%[4]v", "https://dsv/%20/secrets/a/b%3Fc"),
        ("eu", "https://dsv/%.0s%.0s%s%s", "https://dsv/secrets/a/b%3Fc"),
    ],
)
def test_templates(tld: str, template: str, wanted: str) -> None:
    assert str(Tenant("acme", tld, template).url("secrets", "//a/b?c")) == wanted


@pytest.mark.parametrize(
    "template",
    ["https://%s.%s/%s", "https://%s.%s/%s%s%s", "https://%s.%s/%d%s", "https://dsv/%", "ftp://%s.%s/%s%s", "%s%s%s%s"],
)
async def test_templates_that_are_refused(case: Case, template: str) -> None:
    with pytest.raises(InvalidSpecError, match="urlTemplate"):
        async with case.lend(urlTemplate=template):
            pass


# 2. remoteRef


async def test_the_whole_secret_is_go_json(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "/db/main") == (
            '{"dot.ted":"y","hosts":["a","b"],"none":null,"on":true,"password":"canary-password","port":5432,'
            '"ratio":1e+21,"tls":{"a":1,"z":"\\u003c\\u0026\\u003e"},"user":"ann"}'
        )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("password", "canary-password"),
        ("port", "5432"),
        ("on", "true"),
        ("none", ""),
        ("hosts", '["a","b"]'),
        ("hosts.1", "b"),
        ("hosts.#", "2"),
        ("tls.z", "<&>"),
        (r"dot\.ted", "y"),
    ],
)
async def test_properties(case: Case, name: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, "db/main", name, metadata_policy="Fetch") == wanted


async def test_a_property_that_is_not_there(case: Case) -> None:
    async with case.lend() as client:
        for key, name in (("db/main", "nothing"), ("db/main", "dot.ted"), ("bare", "x"), ("empty", "x")):
            with pytest.raises(NoSecretError):
                await value(client, key, name)


async def test_secrets_without_data(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "bare") == ""
        assert await value(client, "empty") == "{}"
        assert await mapped(client, "bare") == {}


@pytest.mark.parametrize("key", ["/odd/a b?c#d%41", "///odd/a b?c#d%41"])
async def test_odd_paths(case: Case, key: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, "x") == "odd"
    assert case.vault.seen[-1] == "GET /acme/com/v1/secrets/odd/a%20b%3Fc%23d%2541"


@pytest.mark.parametrize("key", ["", "/", "../roles/x", "a/./b"])
async def test_paths_that_are_none(case: Case, key: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="path of a secret"):
            await value(client, key)
    assert case.vault.seen == []


async def test_versions_are_refused(case: Case) -> None:
    async with case.lend() as client:
        for call in (value(client, "db/main", version="1"), mapped(client, "db/main", version="1")):
            with pytest.raises(InvalidSpecError, match="version"):
                await call
    assert case.vault.seen == []


async def test_what_is_not_there_is_never_no_secret(case: Case) -> None:
    async with case.lend() as client:
        for call in (value(client, "none"), value(client, "none", "x"), mapped(client, "none")):
            with pytest.raises(InvalidRequestError) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


# 3. extract and find


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "db/main", "no-property") == {
            "user": "ann",
            "password": "canary-password",
            "port": "5432",
            "ratio": "1000000000000000000000",
            "on": "true",
            "none": "",
            "hosts": '["a","b"]',
            "tls": '{"a":1,"z":"\\u003c\\u0026\\u003e"}',
            "dot.ted": "y",
        }


async def test_find_push_delete_and_exists_are_refused(case: Case) -> None:
    async with case.lend() as client:
        for call in (
            client.get_all_secrets(FindRef(name_regexp=".*")),
            client.push_secret(source(k="v"), entry("a", "k")),
            client.delete_secret(PushRemoteRef("a")),
            client.secret_exists(PushRemoteRef("a")),
        ):
            with pytest.raises(InvalidRequestError, match=r"not implemented: .* is not supported"):
                await call
    assert case.vault.seen == []


# 5. Capabilities and validation


async def test_validation_asks_nobody(case: Case) -> None:
    assert DelineaProvider.capabilities is Capabilities.READ_ONLY
    assert DelineaProvider.maintenance is Maintenance.MAINTAINED
    case.vault.fault = (500, {}, b"")
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.vault.seen == []


@pytest.mark.parametrize("field", ["clientId", "clientSecret"])
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "must specify either secret reference or direct value"),
        ({"value": ""}, "must specify either secret reference or direct value"),
        ({"value": "x", "secretRef": {"name": "a", "key": "b"}}, "cannot specify both secret reference and value"),
        ({"secretRef": {"key": "b"}}, "must specify a secret name"),
        ({"secretRef": {"name": "a"}}, "must specify a secret key"),
        ({"secretRef": {"name": "a", "key": "b", "namespace": "x"}}, "namespace"),
    ],
)
async def test_static_checks(case: Case, field: str, change: dict[str, Any], text: str) -> None:
    spec = {"tenant": "acme", "clientId": ID, "clientSecret": ID}
    assert case.stores.check(spec) == []
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, field: change})


async def test_static_checks_of_the_rest(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="tenant must not be empty"):
        case.stores.check({"tenant": "", "clientId": ID, "clientSecret": ID})
    referent = {"tenant": "acme", "clientId": ID, "clientSecret": PASSWORD}
    assert case.stores.check(referent, cluster=True) == []


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, InvalidRequestError),
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        await value(client, "bare")
        case.vault.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
        with pytest.raises(error) as caught:
            await value(client, "db/main")
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize("status", [302, 404, 429, 500])
async def test_failures_of_signing_in(case: Case, status: int) -> None:
    case.vault.fault = (status, {"Retry-After": "9"}, b"canary-body")
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="signing in") as caught:
            await value(client, "db/main")
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value)


async def test_a_secret_that_may_not_be_read(case: Case) -> None:
    case.vault.forbidden.add("db/main")
    async with case.lend() as client:
        with pytest.raises(AccessDeniedError):
            await value(client, "db/main")
    assert len(case.vault.signed_in) == 1


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b'{"data":"canary"}', b'{"data":["canary"]}'])
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend() as client:
        await value(client, "bare")
        case.vault.fault = (200, {}, body)
        with pytest.raises(ProviderError) as caught:
            await value(client, "db/main")
        assert "canary" not in told(caught.value)
