"""providers/doppler.md, row by row, against a server that speaks Doppler's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.doppler.provider import DopplerProvider
from eso.values import reveal_all
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from tests.support import loopback
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.doppler import Doppler
from tests.support.vendors.tokenserver import serving

TOKEN = {"secretRef": {"dopplerToken": {"name": "doppler", "key": "dopplerToken"}}}


class Case:
    def __init__(self, doppler: Doppler, stores: ProviderBench) -> None:
        self.doppler = doppler
        self.stores = stores
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def lend(self, *, cluster: bool = False, **spec: Any) -> Any:
        return self.stores.lend({"auth": TOKEN, "project": "backend", "config": "prd", **spec}, cluster=cluster)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    doppler = Doppler(secrets={"DB_URL": "canary-url", "DB_PW": "canary-pw", "DOC": '{"a": "x", "n": {"k": 1}}'})
    async with (
        serving(doppler),
        bench(DopplerProvider({"DOPPLER_BASE_URL": doppler.url}, lambda: running.now())) as stores,
    ):
        await stores.secret("doppler", dopplerToken="dp.canary", wrong="dp.canary-wrong")
        running = Case(doppler, stores)
        yield running


async def found(client: Any, **ref: Any) -> dict[str, str]:
    return {key: text.decode() for key, text in reveal_all(await client.get_all_secrets(FindRef(**ref))).items()}


# 1. Authentication


async def test_token_as_basic_user_with_default_key(case: Case) -> None:
    async with case.lend(auth={"secretRef": {"dopplerToken": {"name": "doppler"}}}) as client:
        assert await value(client, "DB_URL") == "canary-url"
    assert case.doppler.agents == {"doppler-external-secrets"}
    assert case.doppler.seen == ["GET /v3/configs/config/secrets/download?project=backend&config=prd&secrets=DB_URL"]


async def test_a_service_token_needs_no_project(case: Case) -> None:
    async with case.lend(project=None, config=None) as client:
        assert await value(client, "DB_URL") == "canary-url"
    assert "project" not in case.doppler.seen[0]


async def test_a_wrong_or_missing_token(case: Case) -> None:
    async with case.lend(auth={"secretRef": {"dopplerToken": {"name": "doppler", "key": "wrong"}}}) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "DB_URL")
    assert "canary" not in told(caught.value)
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(auth={"secretRef": {"dopplerToken": {"name": "nowhere"}}}):
            pass


async def test_a_token_that_is_no_text(case: Case) -> None:
    data = {"dopplerToken": b"dp.canary\xff"}
    await case.stores.kube.create(Secret(metadata=ObjectMeta(name="bytes", namespace="app"), data=data))
    async with case.lend(auth={"secretRef": {"dopplerToken": {"name": "bytes"}}}) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "DB_URL")
    assert "canary" not in told(caught.value)


def oidc(**account: Any) -> dict[str, Any]:
    return {"oidcConfig": {"identity": "identity-1", "serviceAccountRef": {"name": "robot", **account}}}


@pytest.mark.parametrize(
    ("cluster", "account", "audiences"),
    [
        (False, {}, ["URL", "secretStore:app:store"]),
        (False, {"audiences": ["mine"]}, ["mine", "secretStore:app:store"]),
        (True, {"namespace": "other"}, ["URL", "clusterSecretStore:store"]),
    ],
)
async def test_oidc_audiences(case: Case, cluster: bool, account: dict[str, Any], audiences: list[str]) -> None:
    async with case.lend(auth=oidc(**account), cluster=cluster) as client:
        assert await value(client, "DB_URL") == "canary-url"
    claims = case.doppler.claims[0]
    assert claims["aud"] == [text.replace("URL", case.doppler.url) for text in audiences]
    assert claims["exp"] - claims["iat"] == 600
    assert claims["sub"] == f"system:serviceaccount:{'other' if cluster else 'app'}:robot"


async def test_oidc_is_exchanged_once_for_all_and_again_before_it_ends(case: Case) -> None:
    async with case.lend(auth=oidc()) as client:
        await asyncio.gather(*(value(client, name) for name in ("DB_URL", "DB_PW", "DOC")))
    assert len(case.doppler.claims) == 1
    async with case.lend(auth=oidc()) as client:
        await value(client, "DB_URL")
        case.ahead = timedelta(seconds=case.doppler.lifetime - 59)
        await value(client, "DB_PW")
    assert len(case.doppler.claims) == 3


async def test_oidc_is_exchanged_again_after_a_refusal(case: Case) -> None:
    async with case.lend(auth=oidc()) as client:
        await value(client, "DB_URL")
        case.doppler.valid.clear()
        assert await value(client, "DB_PW") == "canary-pw"
    assert len(case.doppler.claims) == 2


async def test_an_unknown_identity_is_refused(case: Case) -> None:
    auth = oidc()
    auth["oidcConfig"]["identity"] = "another"
    async with case.lend(auth=auth) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "DB_URL")
    assert "canary" not in told(caught.value)


# 2. remoteRef, 3. extract / find


async def test_property_version_and_metadata_policy_are_ignored(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "DB_URL", "a.b", version="9", metadata_policy="Fetch") == "canary-url"


async def test_a_missing_name_is_a_plain_error(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="NONE") as caught:
            await value(client, "NONE")
    assert not isinstance(caught.value, NoSecretError)
    async with case.lend(config="nowhere") as client:
        with pytest.raises(InvalidRequestError) as refused:
            await value(client, "DB_URL")
    assert not isinstance(refused.value, NoSecretError)
    assert "canary" not in told(refused.value)


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "DOC") == {"a": "x", "n": '{"k": 1}'}
        with pytest.raises(ProviderError) as caught:
            await mapped(client, "DB_PW")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("ref", "names"),
    [
        ({}, {"DB_URL", "DB_PW", "DOC"}),
        ({"name_regexp": "^D.*C$|PW"}, {"DB_PW", "DOC"}),
        ({"path": "DB_"}, {"DB_URL", "DB_PW"}),
        ({"path": "DB_", "name_regexp": "URL"}, {"DB_URL"}),
        ({"tags": {"a": "b"}}, {"DB_URL", "DB_PW", "DOC"}),
    ],
)
async def test_find(case: Case, ref: dict[str, Any], names: set[str]) -> None:
    async with case.lend() as client:
        assert set(await found(client, **ref)) == names


async def test_find_with_transformer_and_format(case: Case) -> None:
    async with case.lend(nameTransformer="lower-kebab") as client:
        assert set(await found(client)) == {"db-url", "db-pw", "doc"}
    async with case.lend(format="env") as client:
        files = await found(client)
        assert list(files) == ["DOPPLER_SECRETS_FILE"]
        assert 'DB_URL="canary-url"' in files["DOPPLER_SECRETS_FILE"]
        assert await found(client, path="DB_") == {}
        assert await value(client, "DB_URL") == "canary-url"


# 4. PushSecret


async def test_push_and_delete(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="<v>"), entry("NEW", "k", "ignored", {"any": 1}))
        assert case.doppler.secrets["NEW"] == "<v>"
        await client.push_secret(source(k="v"), entry("EMPTY"))
        assert case.doppler.secrets["EMPTY"] == ""
        await client.delete_secret(PushRemoteRef("NEW"))
        assert "NEW" not in case.doppler.secrets
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("NEW"))
        with pytest.raises(InvalidRequestError, match="UTF-8"):
            await client.push_secret(source(k=b"\xff"), entry("NEW", "k"))


# 5. Capabilities, validation


async def test_validate(case: Case) -> None:
    assert DopplerProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert case.doppler.seen == ["GET /v3/projects"]
        case.doppler.valid.clear()
        with pytest.raises(AccessDeniedError):
            await client.validate()


@pytest.mark.parametrize(
    ("auth", "cluster", "text"),
    [
        ({"secretRef": {"dopplerToken": {"name": ""}}}, False, "name"),
        ({"secretRef": {"dopplerToken": {"name": "a"}}}, True, "namespace"),
        ({"secretRef": {"dopplerToken": {"name": "a", "namespace": "other"}}}, False, "namespace"),
        ({"oidcConfig": {"identity": "", "serviceAccountRef": {"name": "a"}}}, False, "identity"),
        ({"oidcConfig": {"identity": "i", "serviceAccountRef": {"name": ""}}}, False, "serviceAccountRef"),
        ({"oidcConfig": {"identity": "i", "serviceAccountRef": {"name": "a"}}}, True, "namespace"),
        ({}, False, "invalid store: either auth.secretRef or auth.oidcConfig must be specified"),
    ],
)
async def test_static_checks(case: Case, auth: Any, cluster: bool, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({"auth": auth}, cluster=cluster)
    assert case.stores.check({"auth": TOKEN}) == []


# 6. Remote calls


async def test_an_unchanged_answer_is_kept_by_its_etag(case: Case) -> None:
    spec = {"auth": TOKEN, "project": "backend", "config": "prd"}
    seen = []
    for _ in range(3):
        async with case.stores.lend(spec, uid="same") as client:
            seen.append(await found(client))
    assert case.doppler.not_modified == 2
    assert seen[0] == seen[1] == seen[2]
    async with case.stores.lend(spec, uid="same") as client:
        await client.push_secret(source(k="v"), entry("NEW", "k"))
    async with case.stores.lend(spec, uid="same") as client:
        assert (await found(client))["NEW"] == "v"
    assert case.doppler.not_modified == 2


async def test_the_flag_switches_etags_off(case: Case) -> None:
    provider = DopplerProvider({"DOPPLER_BASE_URL": case.doppler.url})
    async with bench(provider, {"doppler-etag-cache-size": 0}) as stores:
        await stores.secret("doppler", dopplerToken="dp.canary")
        for _ in range(2):
            async with stores.lend({"auth": TOKEN}, uid="same") as client:
                assert await value(client, "DB_URL") == "canary-url"
    assert case.doppler.not_modified == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((429, {"Retry-After": "3"}, b"canary"), ThrottledError),
        ((500, {}, b"canary"), UnavailableError),
        ((403, {}, b"canary"), AccessDeniedError),
        ((400, {}, b"canary"), InvalidRequestError),
        ((200, {}, b"canary"), ProviderError),
        ((200, {}, b'["canary"]'), ProviderError),
        ((304, {}, b""), ProviderError),
    ],
)
async def test_faults(case: Case, fault: Any, error: type[ProviderError], caplog: pytest.LogCaptureFixture) -> None:
    case.doppler.fault = fault
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await value(client, "DB_URL")
        assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("127.0.0.1:1", UnavailableError, "cannot be reached"),  # means https
        ("https://[::1", InvalidSpecError, "DOPPLER_BASE_URL"),
        ("ftp://127.0.0.1", InvalidSpecError, "DOPPLER_BASE_URL"),
    ],
)
async def test_the_base_url_of_the_operator(url: str, error: type[Exception], text: str) -> None:
    async with bench(DopplerProvider({"DOPPLER_BASE_URL": url})) as stores:
        await stores.secret("doppler", dopplerToken="dp.canary")
        with pytest.raises(error, match=text):
            async with stores.lend({"auth": TOKEN}) as client:
                await value(client, "DB_URL")


async def test_a_redirect_takes_no_token_elsewhere(case: Case) -> None:
    seen: list[tuple[str, str | None]] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers.get("Authorization")))
        return web.json_response({"DB_URL": "moved"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", elsewhere)
    async with loopback.serving(app) as url, case.lend() as client:
        case.doppler.fault = (307, {"Location": f"{url}/v3/moved"}, b"")
        assert await value(client, "DB_URL") == "moved"
        with pytest.raises(ProviderError):
            await client.push_secret(source(k="canary"), entry("DB_URL", "k"))
    assert seen == [("GET", None)]
