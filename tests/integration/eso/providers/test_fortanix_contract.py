"""The contract and the faults that every provider is checked for, of `fortanix`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.fortanix.provider import FortanixProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.fortanix import API_KEY, Fortanix, SecurityObject

UPSTREAM = NOT_MISSING


def fortanix() -> Vendor:
    return Vendor(
        Fortanix(objects={"DB": SecurityObject(VALUE.encode())}),
        lambda url: FortanixProvider(),
        lambda gate: {"apiUrl": gate.url, "apiKey": {"secretRef": REF}},
        API_KEY,
        more={"absent_property": ProviderError},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(fortanix()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fortanix(), fault) as subject:
        await run_fault(fault, subject)
