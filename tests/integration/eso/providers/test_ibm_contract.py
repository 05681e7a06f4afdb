"""The contract and the faults that every provider is checked for, of `ibm`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eso.errors import ProviderError
from eso.providers.ibm.provider import IBMProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, Vendor, backend
from tests.support.vendors.ibm import API_KEY, IBM

UPSTREAM = NOT_MISSING


@asynccontextmanager
async def _refusing(server: IBM) -> AsyncIterator[None]:
    server.keys, server.valid = set(), set()
    try:
        yield
    finally:
        server.keys = {API_KEY}


def ibm() -> Vendor:
    server = IBM()
    server.add("kv", "DB", data={"user": "ann", "password": "canary-value"})
    return Vendor(
        server,
        IBMProvider,
        lambda gate: {"serviceUrl": gate.url, "auth": {"secretRef": {"secretApiKeySecretRef": REF}}},
        API_KEY,
        expire=server.valid.clear,
        refuse=lambda: _refusing(server),
        more={
            "key": "default/kv/DB",
            "missing": "default/kv/none",
            "value": b'{"password":"canary-value","user":"ann"}',
            "absent_property": ProviderError,
        },
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(ibm()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(ibm(), fault) as subject:
        await run_fault(fault, subject)
