"""providers/cloudru.md: signing in, endpoints, stores and failures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
    UnavailableError,
)
from eso.providers.base import Capabilities, PushRemoteRef, ValidationResult
from eso.providers.cloudrusm.provider import CloudruSMProvider
from tests.integration.eso.providers.cloudrusm.conftest import DB, METRICS, Case, spec
from tests.support.keypairs import key_pair
from tests.support.providerbench import bench, entry, source, told, value
from tests.support.vendors.cloudrusm import KEY_ID, SECRET
from tests.support.vendors.grpcserver import GrpcFault

# 1. Authentication


async def test_the_access_key_becomes_a_token_at_the_first_read(case: Case) -> None:
    async with case.lend() as client:
        assert case.cloud.seen == []
        assert await value(client, "app/db") == "canary-password"
    assert [path for path, _ in case.cloud.seen] == [
        "/sbercloud.cp.iam.api.v1.auth.AuthService/GetToken",
        "/cloud.csm.core.v2.SecretService/Access",
    ]
    assert all("external-secrets" in agent for agent in case.cloud.agents)
    for call in ("GetToken", "Access"):
        assert case.stores.counted(METRICS, call) == 1


async def test_a_token_is_used_until_its_end(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "app/db")
        case.clock += case.cloud.lifetime
        await value(client, "root")
        assert len(case.cloud.asked("GetToken")) == 1
        case.clock += 0.1
        await asyncio.gather(*(value(client, "app/db", version=version) for version in ("1", "2", "latest")))
        assert len(case.cloud.asked("GetToken")) == 2


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "app/db")
        case.cloud.tokens.clear()
        assert await value(client, "app/doc", "a") == "x"
        async with case.cloud.refusing():
            with pytest.raises(AccessDeniedError, match="unauthorized: fetch IAM access token"):
                await value(client, "root")


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAUTHENTICATED])
async def test_a_wrong_access_key_deletes_nothing(case: Case, code: grpc.StatusCode) -> None:
    case.cloud.fault = GrpcFault(code, path="/sbercloud.cp.iam.api.v1.auth.AuthService/GetToken")
    async with case.lend(**spec("wrong")) as client:
        with pytest.raises(AccessDeniedError, match="fetch IAM access token") as caught:
            await value(client, "app/db")
    assert "canary" not in told(caught.value)


async def test_an_access_key_that_is_missing(case: Case) -> None:
    for name, key in (("missing", "secret"), ("cloudru", "missing")):
        with pytest.raises(ReferenceNotFoundError):
            async with case.lend(**spec(key, name)):
                pass
    with pytest.raises(InvalidSpecError, match="keyID and secret must be provided"):
        async with case.lend(**spec("empty")):
            pass


async def test_a_cluster_store(case: Case) -> None:
    async with case.lend(cluster=True, consumer="other") as client:
        assert await value(client, "app/db") == "canary-password"
    async with case.lend(cluster=True, consumer="", **spec(namespace="other")) as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    with pytest.raises(InvalidSpecError, match="names no namespace"):
        async with case.lend(cluster=True, consumer=""):
            pass


# 1. Endpoints


async def test_endpoints_of_the_directory(case: Case) -> None:
    case.environ.clear()
    case.environ["CLOUDRU_DISCOVERY_URL"] = f"{case.directory.url}/endpoints"
    case.environ["CLOUDRU_IAM_ADDRESS"] = "one.alone.does.not.count:443"
    case.directory.listed = {
        "endpoints": [
            {"id": "compute", "address": "compute.api.cloud.ru:443"},
            {"id": "secret-manager", "address": case.cloud.target},
            {"id": "iam", "address": case.cloud.target},
        ]
    }
    async with case.lend() as client:
        assert await value(client, "app/db") == "canary-password"
    assert case.directory.seen == ["GET /endpoints"]
    assert case.dialled == [case.cloud.target] * 2
    assert case.stores.counted(METRICS, "GetEndpoints") == 1


async def test_addresses_of_the_environment_ask_no_directory(case: Case) -> None:
    case.environ["CLOUDRU_DISCOVERY_URL"] = f"{case.directory.url}/endpoints"
    async with case.lend():
        assert case.directory.seen == []


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ({"endpoints": [{"id": "iam", "address": "x:1"}]}, "secret-manager API is not available"),
        ({"endpoints": [{"id": "secret-manager", "address": "x:1"}, "odd"]}, "iam API is not available"),
        ({"endpoints": [{"id": "iam", "address": ""}]}, "iam API is not available"),
        ({"canary": 1}, "the answer holds no endpoints"),
        (["canary"], "the answer holds no endpoints"),
    ],
)
async def test_a_directory_without_what_is_needed(case: Case, listed: Any, text: str) -> None:
    case.environ.clear()
    case.environ["CLOUDRU_DISCOVERY_URL"] = f"{case.directory.url}/endpoints"
    case.directory.listed = listed
    with pytest.raises(ProviderError, match=text) as caught:
        async with case.lend():
            pass
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (404, ProviderError, "404"),
        (302, ProviderError, "302"),
        (500, UnavailableError, "500"),
        (200, ProviderError, "JSON"),
    ],
)
async def test_a_directory_that_fails(case: Case, status: int, kind: type[EsoError], text: str) -> None:
    case.environ.clear()
    case.environ["CLOUDRU_DISCOVERY_URL"] = f"{case.directory.url}/endpoints"
    case.directory.fault = (status, {"Location": "/elsewhere"}, b"canary{")
    with pytest.raises(kind, match=f"discover cloud.ru API endpoints.*{text}") as caught:
        async with case.lend():
            pass
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("url", ["ftp://api.cloud.ru/endpoints", "api.cloud.ru", "http://[::1"])
async def test_a_directory_that_is_no_url(case: Case, url: str) -> None:
    case.environ["CLOUDRU_DISCOVERY_URL"] = url
    with pytest.raises(InvalidSpecError, match="expected http or https"):
        async with case.lend():
            pass


async def test_the_system_s_certificates_count(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roots.pem").write_bytes(key_pair()[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    async with bench(CloudruSMProvider(environ=case.environ, timeout=2.0)) as stores:
        await stores.secret("cloudru", id=KEY_ID, secret=SECRET)
        async with stores.lend(spec()) as client:
            assert await value(client, "app/db") == "canary-password"


# 4. PushSecret, 5. Capabilities and validation


async def test_what_is_not_implemented(case: Case) -> None:
    assert CloudruSMProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        for refused in (
            client.push_secret(source(a="b"), entry("app/db")),
            client.delete_secret(PushRemoteRef("app/db")),
            client.secret_exists(PushRemoteRef("app/db")),
        ):
            with pytest.raises(InvalidRequestError):
                await refused


async def test_validation_asks_nobody(case: Case) -> None:
    async with case.lend(**spec("wrong")) as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    assert case.cloud.seen == []


@pytest.mark.parametrize(
    ("changes", "cluster", "text"),
    [
        ({}, False, None),
        ({}, True, None),
        ({"projectID": DB.upper()}, False, None),
        (spec(namespace="other"), True, None),
        ({"auth": {}}, False, "invalid spec: auth.secretRef is required"),
        ({"projectID": None}, False, "invalid spec: projectID is required"),
        ({"projectID": "demo"}, False, "invalid spec: projectID is invalid UUID"),
        (spec(namespace="other"), False, "invalid spec: auth.secretRef.accessKeyID: .*match"),
    ],
)
async def test_validate_store(case: Case, changes: dict[str, Any], cluster: bool, text: str | None) -> None:
    whole = {**spec(), **changes}
    if text is None:
        assert case.stores.check(whole, cluster=cluster) == []
        return
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(whole, cluster=cluster)
    with pytest.raises(InvalidSpecError, match=f"invalid store: {text}"):
        async with case.stores.lend(whole):
            pass


# Failures


async def test_failures_show_nothing(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        for code in (code for code in grpc.StatusCode if code is not grpc.StatusCode.OK):
            for key in (f"k{code.value[0]}", f"0b1cf2a4-0000-4000-8000-{code.value[0]:012d}"):
                with case.cloud.failing(GrpcFault(code)), pytest.raises(EsoError) as caught:
                    await value(client, key)
                assert "canary" not in told(caught.value)
    assert "canary" not in caplog.text
