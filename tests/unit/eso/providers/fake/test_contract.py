"""The contract that every provider fulfils, of the provider `fake`."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from eso.providers.base import FindRef, SecretsClient
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.fake.provider import FakeProvider
from eso.providers.fake.spec import FakeSpec
from eso.providers.testing import CHECKS, Subject, run_check
from eso.stores.context import StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader
from reconcile.client.client import Client
from reconcile.client.config import Config

VALUE = '{"user":"ann","password":"canary-fake-password"}'


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check: str) -> None:
    provider = FakeProvider()
    kube = Client(Config(server="http://127.0.0.1:1"))
    metrics = ProviderCallMetrics(CollectorRegistry())

    async def connect() -> SecretsClient:
        context = StoreClientContext(
            StoreIdentity("SecretStore", "default", "fake"),
            "default",
            reader=CredentialReader(kube),
            kube=kube,
            calls=lambda name: DirectCalls(name, metrics),
        )
        return await provider.new_client(FakeSpec.model_validate({"data": [{"key": "db", "value": VALUE}]}), context)

    subject = Subject(
        provider,
        connect,
        key="db",
        value=VALUE.encode(),
        property_name="password",
        property_value=b"canary-fake-password",
        missing="gone",
        find=FindRef(name_regexp="^db$"),
        push_key="pushed",
        deletes=False,
    )
    try:
        await run_check(check, subject)
    finally:
        await kube.close()
