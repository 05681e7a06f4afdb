"""The contract and the faults that every provider is checked for, of `beyondtrust`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eso.providers.beyondtrust.provider import BeyondtrustProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.beyondtrust import API_KEY, ROUTE, PasswordSafe, secret

UPSTREAM = {
    **NOT_MISSING,
    "selects properties": "properties do not matter",
    "writes as claimed": "a new secret needs a title and a folder, which the check has no metadata for",
}


def password_safe() -> Vendor:
    server = PasswordSafe(secrets=[secret("apps", "DB", VALUE)])

    @asynccontextmanager
    async def refusing() -> AsyncIterator[None]:
        server.api_key = "another"
        server.sessions.clear()
        try:
            yield
        finally:
            server.api_key = API_KEY

    return Vendor(
        server,
        lambda url: BeyondtrustProvider(pause=0.01),
        lambda gate: {
            "server": {"apiUrl": f"{gate.url}{ROUTE}", "retrievalType": "SECRET", "verifyCA": True},
            "auth": {"apiKey": {"secretRef": REF}},
        },
        API_KEY,
        expire=server.sessions.clear,
        refuse=refusing,
        more={"key": "apps/DB", "missing": "apps/NONE"},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(password_safe()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(password_safe(), fault) as subject:
        await run_fault(fault, subject)
