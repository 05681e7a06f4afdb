"""providers/pulumi.md, row by row, against a server that speaks Pulumi's API."""

from __future__ import annotations

import asyncio
import json
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
from eso.providers.pulumi.provider import PulumiProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.pulumi import TOKEN, Pulumi
from tests.support.vendors.tokenserver import serving

NAMES = {"organization": "acme", "project": "web", "environment": "prod"}
REF = {"name": "pulumi", "key": "token"}
STATIC = {"accessToken": {"secretRef": REF}}
OIDC = {"organization": "acme", "serviceAccountRef": {"name": "robot"}}
PLACE = "/api/esc/environments/acme/web/prod"
WRITTEN = """\
imports:
  - base   # not mine
values:
  db:
    password:
      fn::secret: canary-password
    port: 5432
    ratio: 0.5
    tls: true
    none:
    hosts: [a, b]
    nested: {deep: x}
  "dot.ted": y   # odd
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, pulumi: Pulumi, stores: ProviderBench, clock: Clock) -> None:
        self.pulumi = pulumi
        self.stores = stores
        self.clock = clock

    def spec(self, auth: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        method = {} if "accessToken" in more else {"auth": auth or STATIC}
        return {"apiUrl": f"{self.pulumi.url}/api/esc", **NAMES, **method, **more}

    def lend(self, auth: dict[str, Any] | None = None, **more: Any) -> Any:
        options = {name: more.pop(name) for name in ("cluster", "consumer", "uid") if name in more}
        return self.stores.lend(self.spec(auth, **more), **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    pulumi, clock = Pulumi(definition=WRITTEN), Clock()
    async with serving(pulumi), bench(PulumiProvider(clock)) as stores:
        await stores.secret("pulumi", token=TOKEN, wrong="pul-canary-wrong", broken=f"{TOKEN}\n")
        yield Case(pulumi, stores, clock)


# 1. Authentication


@pytest.mark.parametrize("slash", ["", "/"])
async def test_access_token(case: Case, slash: str) -> None:
    async with case.lend(apiUrl=f"{case.pulumi.url}/api/esc{slash}") as client:
        assert case.pulumi.seen == []
        assert await value(client, "db.password") == "canary-password"
    assert case.pulumi.seen == [
        f"POST {PLACE}/open",
        f"GET {PLACE}/open//session-0?property=db.password",
    ]
    assert case.pulumi.sources == {("esc-sdk", "external-secrets-operator")}


async def test_deprecated_access_token(case: Case) -> None:
    async with case.lend(accessToken={"secretRef": REF}) as client:
        assert await value(client, "db.password") == "canary-password"


async def test_oidc(case: Case) -> None:
    async with case.lend({"oidcConfig": OIDC}) as client:
        assert len(case.pulumi.exchanged) == 1  # signed in when it was made
        assert await value(client, "db.port") == "5432"
    assert case.pulumi.exchanged == [
        {
            "audience": "urn:pulumi:org:acme",
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "requested_token_type": "urn:pulumi:token-type:access_token:organization",
            "expiration": 600,
            "scope": "",
        }
    ]
    (claims,) = case.pulumi.claims
    assert claims["sub"] == "system:serviceaccount:app:robot"
    assert claims["aud"] == [case.pulumi.url]
    assert 590 <= claims["exp"] - claims["iat"] <= 610


async def test_oidc_of_a_cluster_store_with_its_own_audiences(case: Case) -> None:
    account = {"name": "robot", "namespace": "other", "audiences": ["a", "b"]}
    oidc = {**OIDC, "serviceAccountRef": account, "expirationSeconds": 1200}
    async with case.lend({"oidcConfig": oidc}, cluster=True) as client:
        assert await value(client, "db.port") == "5432"
    (claims,) = case.pulumi.claims
    assert claims["sub"] == "system:serviceaccount:other:robot"
    assert claims["aud"] == ["a", "b"]
    assert 1190 <= claims["exp"] - claims["iat"] <= 1210
    assert case.pulumi.exchanged[0]["expiration"] == 1200


async def test_exchanged_tokens_are_replaced_a_minute_before_their_end(case: Case) -> None:
    async with case.lend({"oidcConfig": OIDC}) as client:
        case.clock.now += 3539
        await asyncio.gather(*(value(client, key) for key in ("db.port", "db.tls")))
        assert len(case.pulumi.exchanged) == 1
        case.clock.now += 2
        await asyncio.gather(*(value(client, key) for key in ("db.ratio", "db.hosts")))
        assert len(case.pulumi.exchanged) == 2


async def test_a_refused_exchanged_token_is_replaced_once(case: Case) -> None:
    async with case.lend({"oidcConfig": OIDC}) as client:
        case.pulumi.tokens.clear()
        assert await value(client, "db.port") == "5432"
    assert len(case.pulumi.exchanged) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"canary", AccessDeniedError),
        (401, b"canary", AccessDeniedError),
        (404, b"canary", InvalidRequestError),
        (503, b"canary", UnavailableError),
        (200, b"canary", ProviderError),
        (200, b'{"expires_in": 10}', ProviderError),
        (200, b'{"access_token": "canary"}', ProviderError),
        (200, b'{"access_token": "canary", "expires_in": 0}', ProviderError),
    ],
)
async def test_an_exchange_that_fails(case: Case, status: int, body: bytes, error: type[EsoError]) -> None:
    case.pulumi.fault = (status, {}, body)
    with pytest.raises(error, match="exchanging a token at Pulumi") as caught:
        async with case.lend({"oidcConfig": OIDC}):
            pass
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ({"name": "none", "key": "token"}, ReferenceNotFoundError),
        ({"name": "pulumi", "key": "none"}, ReferenceNotFoundError),
        ({"name": "pulumi", "key": "broken"}, InvalidSpecError),
    ],
)
async def test_a_token_that_cannot_be_used(case: Case, ref: dict[str, str], error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        async with case.lend({"accessToken": {"secretRef": ref}}):
            pass
    assert "canary" not in told(caught.value)


async def test_a_wrong_token(case: Case) -> None:
    async with case.lend({"accessToken": {"secretRef": {"name": "pulumi", "key": "wrong"}}}) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "db.port")
    assert "canary" not in told(caught.value)
    assert len(case.pulumi.seen) == 1


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("db.password", "canary-password"),
        ('["db"].port', "5432"),
        ("db.ratio", "0.5"),
        ("db.tls", "true"),
        ("db.none", ""),
        ("db.hosts[1]", "b"),
    ],
)
async def test_reading(case: Case, key: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, "ignored", version="7", metadata_policy="Fetch") == wanted


async def test_objects_keep_their_wrappers(case: Case) -> None:
    async with case.lend() as client:
        trace = {"def": {"environment": "prod"}}
        assert await value(client, "db.nested") == json.dumps(
            {"deep": {"trace": trace, "value": "x"}}, separators=(",", ":")
        )
        assert json.loads(await value(client, "db.hosts"))[0] == {"value": "a", "trace": trace}


async def test_property_paths_are_escaped(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await value(client, 'a b["c&d"]')
    assert case.pulumi.seen[1] == f"GET {PLACE}/open//session-0?property=a%20b%5B%22c%26d%22%5D"


async def test_reads_that_come_together_open_the_environment_once(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(value(client, key) for key in ("db.port", "db.tls", "db.port")))
    assert len(case.pulumi.opened) == 1
    assert case.stores.counted("Pulumi/ESC", "OpenEnvironment") == 1
    assert case.stores.counted("Pulumi/ESC", "ReadProperty") == 2


async def test_what_is_missing_is_a_plain_error(case: Case) -> None:
    async with case.lend() as client, case.lend(environment="none") as nowhere:
        for reader, key in ((client, "db.absent"), (client, "db.port.x"), (nowhere, "db.port")):
            with pytest.raises(InvalidRequestError, match="acme/web") as caught:
                await value(reader, key)
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (403, {}, b"canary", AccessDeniedError),
        (404, {}, b"canary", InvalidRequestError),
        (429, {"Retry-After": "3"}, b"canary", ThrottledError),
        (500, {}, b"canary", UnavailableError),
        (302, {"Location": "/canary"}, b"canary", InvalidRequestError),
        (200, {}, b"canary", ProviderError),
        (200, {}, b"{}", ProviderError),
        (200, {}, b"[]", ProviderError),
        (200, {}, b'{"id": "x"}', ProviderError),
    ],
)
async def test_answers_that_are_no_success(
    case: Case, status: int, headers: dict[str, str], body: bytes, error: type[EsoError]
) -> None:
    case.pulumi.fault = (status, headers, body)
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await value(client, "db.port")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        found = await mapped(client, "db", "ignored")
        assert json.loads(found.pop("nested"))["deep"]["value"] == "x"
        assert [item["value"] for item in json.loads(found.pop("hosts"))] == ["a", "b"]
        assert found == {"password": "canary-password", "port": "5432", "ratio": "0.5", "tls": "true", "none": ""}


@pytest.mark.parametrize("key", ["db.password", "db.hosts", "db.none", "db.absent"])
async def test_extract_of_something_else_is_an_error(case: Case, key: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=key) as caught:
            await mapped(client, key)
    assert "canary" not in told(caught.value)


async def test_find_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        for call in (
            client.get_all_secrets(FindRef(name_regexp=".")),
            client.delete_secret(PushRemoteRef("a")),
            client.secret_exists(PushRemoteRef("a")),
        ):
            with pytest.raises(InvalidRequestError, match="not supported"):
                await call
    assert case.pulumi.seen == []


# 4. PushSecret


async def test_push_changes_one_path_and_nothing_else(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="canary-new"), entry("db.password", "k", "ignored", {"ignored": 1}))
        await client.push_secret(source(k="canary-key"), entry("api.key", "k"))
        assert await value(client, "db.password") == "canary-new"
        assert await value(client, "api.key") == "canary-key"
    assert case.pulumi.definition == WRITTEN.replace(
        "fn::secret: canary-password", 'fn::secret: "canary-new"'
    ) + 'api:\n    key:\n      fn::secret: "canary-key"\n'.replace("api:", "  api:")


async def test_an_unchanged_value_is_not_written_again(case: Case) -> None:
    async with case.lend() as client:
        for key, content in (("db.password", "canary-password"), ("db.tls", "false"), ("db.tls", "false")):
            await client.push_secret(source(k=content), entry(key, "k"))
    assert len(case.pulumi.written) == 1


async def test_a_plain_value_becomes_a_secret(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="y"), entry("db.nested.deep", "k"))
        await client.push_secret(source(k="x"), entry("db.nested.deep", "k"))
    assert case.pulumi.values["db"]["nested"]["deep"] == {"fn::secret": "x"}
    assert len(case.pulumi.written) == 2


async def test_pushes_that_run_together_do_not_lose_each_other(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(client.push_secret(source(k=f"v{n}"), entry(f"many.n{n}", "k")) for n in range(5)))
    assert case.pulumi.values["many"] == {f"n{n}": {"fn::secret": f"v{n}"} for n in range(5)}


@pytest.mark.parametrize(("conflicts", "fails"), [(2, False), (3, True)])
async def test_a_change_by_somebody_else_is_kept(case: Case, conflicts: int, fails: bool) -> None:
    case.pulumi.conflicts = conflicts
    async with case.lend() as client:
        if fails:
            with pytest.raises(InvalidRequestError, match="409") as caught:
                await client.push_secret(source(k="canary-new"), entry("db.password", "k"))
            assert "canary" not in told(caught.value)
        else:
            await client.push_secret(source(k="canary-new"), entry("db.password", "k"))
            assert case.pulumi.values["db"]["password"] == {"fn::secret": "canary-new"}
    assert case.pulumi.definition.count("# somebody else") == conflicts


async def test_push_to_an_environment_that_cannot_be_opened(case: Case) -> None:
    case.pulumi.evaluates = False
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("db.password", "k"))
    assert case.pulumi.values["db"]["password"] == {"fn::secret": "v"}


@pytest.mark.parametrize(
    ("remote", "key", "text"),
    [
        ("a", "", "pushing the whole secret is not yet implemented"),
        ("a..b", "k", "empty part"),
        ("", "k", "empty part"),
        ("a", "none", "none"),
        ("a", "bin", "not UTF-8"),
        ("db.password.x", "k", "db.password of the environment is computed by fn::secret"),
    ],
)
async def test_pushes_that_are_refused(case: Case, remote: str, key: str, text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await client.push_secret(source(k="canary", bin=b"\xffcanary"), entry(remote, key))
    assert "canary" not in told(caught.value)
    assert case.pulumi.written == []


# 5. Store


async def test_validation_asks_nobody(case: Case) -> None:
    assert PulumiProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.pulumi.seen == []


async def test_a_cluster_store_must_name_the_namespace_of_its_token(case: Case) -> None:
    assert case.stores.check(case.spec(), cluster=True) == []
    with pytest.raises(InvalidSpecError, match="cluster store requires namespace"):
        async with case.lend(cluster=True):
            pass
    named = {"accessToken": {"secretRef": {**REF, "namespace": "app"}}}
    async with case.lend(named, cluster=True, consumer="other") as client:
        assert await value(client, "db.port") == "5432"
