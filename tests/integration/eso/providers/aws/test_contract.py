"""The contract and the faults that every provider is checked for, of two services of `aws`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eso.errors import ProviderError
from eso.identity.aws.connection import ENDPOINTS
from eso.providers.aws.provider import AWSProvider
from eso.providers.base import FindRef
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.integration.eso.providers.aws.conftest import REGION, World
from tests.support.faultbench import connector
from tests.support.gate import Gate
from tests.support.vendors.aws import ACCESS_KEY, SECRET_KEY, Amazon, amazon

VALUE = '{"user":"ann","password":"canary-value"}'
SERVICES = ["SecretsManager", "ParameterStore"]
KEYS = {
    "secretRef": {
        "accessKeyIDSecretRef": {"name": "credentials", "key": "id"},
        "secretAccessKeySecretRef": {"name": "credentials", "key": "secret"},
    }
}
SETTINGS: dict[str, Any] = {"secretsManager": {"forceDeleteWithoutRecovery": True}}


@asynccontextmanager
async def expired(aws: Amazon) -> AsyncIterator[None]:
    """Sessions that were assumed are no longer valid."""
    aws.expired |= aws.keys.keys() - {ACCESS_KEY}
    yield


@asynccontextmanager
async def rotated(aws: Amazon) -> AsyncIterator[None]:
    """The keys in the Secret, and sessions that came from them, are no longer valid."""
    before = aws.keys
    aws.keys = {"AKIANEW": ("new", None)}
    try:
        yield
    finally:
        aws.keys = before


@asynccontextmanager
async def backend(
    moto: str, provider: AWSProvider, environ: dict[str, str], service: str, folder: Path, fault: str = ""
) -> AsyncIterator[Subject]:
    async with (
        amazon(moto) as aws,
        Gate(aws.url, "canary-value") as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        (folder / "ca.pem").write_bytes(gate.ca)
        environ.clear()
        environ.update(dict.fromkeys(ENDPOINTS.values(), gate.url), AWS_CA_BUNDLE=str(folder / "ca.pem"))
        await aws.direct("secretsmanager.CreateSecret", Name="db", SecretString=VALUE)
        await aws.direct("AmazonSSM.PutParameter", Name="db", Value=VALUE, Type="String")
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"id": ACCESS_KEY.encode(), "secret": SECRET_KEY.encode()}
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data=data))
        role = "arn:aws:iam::123456789012:role/reader"
        spec = {"service": service, "region": REGION, "auth": KEYS, "role": role, **SETTINGS}
        async with connector(provider, spec, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=VALUE.encode(),
                property_name="password",
                property_value=b"canary-value",
                missing="gone",
                credentials=[SECRET_KEY.encode()],
                failures={
                    **gate.failures,
                    "expired token": partial(expired, aws),
                    "rotated credentials": partial(rotated, aws),
                },
                find=FindRef(name_regexp="db$"),
                absent_property=ProviderError,
                push_key="pushed",
            )


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("check", CHECKS)
async def test_contract(moto: str, world: World, tmp_path: Path, service: str, check: str) -> None:
    async with backend(moto, world.provider, world.environ, service, tmp_path) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(moto: str, world: World, tmp_path: Path, service: str, fault: str) -> None:
    async with backend(moto, world.provider, world.environ, service, tmp_path, fault) as subject:
        await run_fault(fault, subject)
