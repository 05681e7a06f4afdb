"""The contract and the faults that every provider is checked for, of `conjur`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.conjur.provider import ConjurProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.faultbench import connector, trusting
from tests.support.gate import Gate
from tests.support.vendors.conjur import API_KEY, Conjur
from tests.support.vendors.tokenserver import serving

VALUE = '{"user":"ann","password":"canary-value"}'
_NOT_MISSING = "a variable that is not there is a plain error, so that nothing is deleted"
UPSTREAM = {
    "misses absent secrets": _NOT_MISSING,
    "extracts": _NOT_MISSING,
    "serves many at once": _NOT_MISSING,
    "finds": "a search without a match is an error",
}


@asynccontextmanager
async def _signed_out(conjur: Conjur, api_keys: dict[str, str]) -> AsyncIterator[None]:
    """Access tokens are no longer valid, and from now on these are the API keys."""
    before = conjur.api_keys
    conjur.api_keys = api_keys
    conjur.tokens.clear()
    try:
        yield
    finally:
        conjur.api_keys = before


@asynccontextmanager
async def backend(fault: str = "") -> AsyncIterator[Subject]:
    conjur, provider = Conjur(variables={"db": VALUE.encode()}), ConjurProvider()
    async with (
        serving(conjur),
        Gate(conjur.url, "canary-value") as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"user": b"host/reader", "key": API_KEY.encode()}
        await kube.create(Secret(metadata=ObjectMeta(name="conjur", namespace="app"), data=data))
        user, key = ({"name": "conjur", "key": name} for name in data)
        auth = {"apikey": {"account": "acme", "userRef": user, "apiKeyRef": key}}
        spec = {"url": gate.url, "caBundle": trusting(gate.ca), "auth": auth}
        async with connector(provider, spec, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=VALUE.encode(),
                property_name="password",
                property_value=b"canary-value",
                missing="none",
                credentials=[b"canary"],
                failures={
                    **gate.failures,
                    "expired token": partial(_signed_out, conjur, conjur.api_keys),
                    "rotated credentials": partial(_signed_out, conjur, {"host/reader": "another"}),
                },
                find=FindRef(name_regexp="^db$"),
                absent_property=ProviderError,
            )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend() as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fault) as subject:
        await run_fault(fault, subject)
