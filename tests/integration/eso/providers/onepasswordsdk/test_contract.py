"""The contract and the faults that every provider is checked for, of `onepasswordSDK`, on an account in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.onepasswordsdk.provider import OnePasswordSDKProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.integration.eso.providers.onepasswordsdk.conftest import AUTH
from tests.support.faultbench import connector
from tests.support.vendorcontract import NOT_MISSING
from tests.support.vendors.onepasswordsdk import TOKEN, OnePassword

UPSTREAM = {
    **NOT_MISSING,
    "selects properties": "the key is a secret reference, properties do not matter",
    "writes as claimed": "an item is pushed by its title and read by a secret reference, which is longer",
}
_MUTE = "the SDK does not tell refusals apart"
_OWN = "the SDK connects by itself, to its vendor only"
EXEMPT = {"denied": _MUTE, "half-open": _OWN, "wrong certificate": _OWN, "expired token": _OWN}


@asynccontextmanager
async def _failing(account: OnePassword, fault: str) -> AsyncIterator[None]:
    account.fault = fault
    try:
        yield
    finally:
        account.fault = ""


@asynccontextmanager
async def _rotated(account: OnePassword) -> AsyncIterator[None]:
    account.tokens = {"another"}
    try:
        yield
    finally:
        account.tokens = {TOKEN}


@asynccontextmanager
async def backend(fault: str = "") -> AsyncIterator[Subject]:
    account = OnePassword()
    account.item("db", ("password", "canary-value"))
    provider = OnePasswordSDKProvider(account.authenticate, timeout=0.2 if fault == "timeout" else 10.0)
    async with ApiServer(listen=False) as server, Client(server.transport) as kube:
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"token": TOKEN.encode()}
        await kube.create(Secret(metadata=ObjectMeta(name="onepassword", namespace="app"), data=data))
        async with connector(provider, {"auth": AUTH, "vault": "prod"}, kube, fault) as connect:
            names = {
                "throttled": "throttled",
                "timeout": "silent",
                "malformed answer": "malformed",
                "huge answer": "huge",
            }
            yield Subject(
                provider,
                connect,
                key="db/password",
                value=b"canary-value",
                property_name="password",
                property_value=b"canary-value",
                missing="none/password",
                credentials=[b"canary"],
                failures={
                    "refused": partial(_failing, account, "refused"),
                    "rotated credentials": partial(_rotated, account),
                    **{name: partial(_failing, account, what) for name, what in names.items()},
                },
                exempt=EXEMPT,
                retry_after=None,
                find=FindRef(path="db", name_regexp="^password$"),
                absent_property=ProviderError,
            )
    assert account.open == 0


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend() as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fault) as subject:
        await run_fault(fault, subject)
