"""The contract and the faults that every provider is checked for, of `akeyless`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eso.errors import ProviderError
from eso.providers.akeyless.provider import AkeylessProvider
from eso.providers.base import FindRef
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.faultbench import trusting
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.akeyless import ACCESS_KEY, Akeyless, Entry

UPSTREAM = {**NOT_MISSING, "writes as claimed": "deleting what is gone already is an error"}


@asynccontextmanager
async def _another_key(server: Akeyless) -> AsyncIterator[None]:
    before = dict(server.access_keys)
    server.access_keys = {"p-1": "another"}
    server.tokens.clear()
    try:
        yield
    finally:
        server.access_keys = before


def akeyless() -> Vendor:
    server = Akeyless(items={"DB": Entry("STATIC_SECRET", [VALUE])})
    refs = {"accessID": {**REF, "key": "id"}, "accessType": {**REF, "key": "type"}, "accessTypeParam": REF}
    return Vendor(
        server,
        lambda url: AkeylessProvider(),
        lambda gate: {
            "akeylessGWApiURL": gate.url,
            "caBundle": trusting(gate.ca),
            "authSecretRef": {"secretRef": refs},
        },
        ACCESS_KEY,
        secrets={"id": b"p-1", "type": b"access_key"},
        expire=server.tokens.clear,
        refuse=lambda: _another_key(server),
        more={"find": FindRef(name_regexp="^DB$"), "absent_property": ProviderError},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(akeyless()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(akeyless(), fault) as subject:
        await run_fault(fault, subject)
