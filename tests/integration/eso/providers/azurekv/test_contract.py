"""The contract and the faults that every provider is checked for, of `azurekv`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from eso.errors import ProviderError
from eso.providers.azurekv.provider import AzureKVProvider
from eso.providers.base import FindRef
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.integration.eso.providers.azurekv.conftest import PRINCIPAL
from tests.support.faultbench import connector, patience_for
from tests.support.gate import Gate
from tests.support.vendors.azurekv import CLIENT, SECRET, TENANT, Azure, Fault, azure

VALUE = '{"user":"ann","password":"canary-value"}'


@asynccontextmanager
async def signed_out(vendor: Azure, *, for_good: bool) -> AsyncIterator[None]:
    vendor.tokens.clear()
    if for_good:
        vendor.faults.append(Fault("/token", 401, -1))
    try:
        yield
    finally:
        vendor.faults.clear()


@asynccontextmanager
async def backend(fault: str = "", *, sdk: bool = False) -> AsyncIterator[Subject]:
    async with (
        azure() as vendor,
        Gate(vendor.url, "canary-value") as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        vendor.url = gate.url
        vendor.put("secrets", "db", value=VALUE)
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"id": CLIENT.encode(), "secret": SECRET.encode()}
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data=data))
        provider = AzureKVProvider(gate.url, gate.url, {}, gate.ca, backoff=0.001, timeout=patience_for(fault))
        spec = {"vaultUrl": gate.url, "tenantId": TENANT, "authSecretRef": PRINCIPAL, "useAzureSDK": sdk}
        async with connector(provider, spec, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=VALUE.encode(),
                property_name="password",
                property_value=b"canary-value",
                missing="gone",
                credentials=[SECRET.encode(), b"canary-token", b"canary-vendor-text"],
                failures={
                    **gate.failures,
                    "expired token": partial(signed_out, vendor, for_good=False),
                    "rotated credentials": partial(signed_out, vendor, for_good=True),
                },
                find=FindRef(name_regexp="^db$"),
                absent_property=ProviderError,
                push_key="pushed",
            )


@pytest.mark.parametrize("sdk", [False, True], ids=["legacy", "useAzureSDK"])
@pytest.mark.parametrize("check", CHECKS)
async def test_contract(sdk: bool, check: str) -> None:
    async with backend(sdk=sdk) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fault) as subject:
        await run_fault(fault, subject)
