"""The contract and the faults that every provider is checked for, of `previder`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.providers.previder.provider import PreviderProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import REF, VALUE, Vendor, backend
from tests.support.vendors.previder import TOKEN, Previder

UPSTREAM = {"selects properties": "properties do not matter"}


def vendor() -> Vendor:
    return Vendor(
        Previder(secrets={"6f1c": ("DB", VALUE)}),
        lambda url: PreviderProvider(),
        lambda gate: {"baseUri": gate.url, "auth": {"secretRef": {"accessToken": REF}}},
        TOKEN,
        # An extract has one key, that of the secret.
        more={"property_name": "DB", "property_value": VALUE.encode()},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(vendor()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(vendor(), fault) as subject:
        await run_fault(fault, subject)
