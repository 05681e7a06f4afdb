"""The contract and the faults that every provider is checked for, of `onboardbase`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.onboardbase.provider import OnboardbaseProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.onboardbase import API_KEY, PASSCODE, Onboardbase

UPSTREAM = NOT_MISSING


def onboardbase() -> Vendor:
    return Vendor(
        Onboardbase(secrets={"DB": VALUE.encode()}),
        lambda url: OnboardbaseProvider(),
        lambda gate: {
            "apiHost": f"{gate.url}/api/v1/",
            "project": "app",
            "environment": "production",
            "auth": {"apiKeyRef": REF, "passcodeRef": {**REF, "key": "passcode"}},
        },
        API_KEY,
        secrets={"passcode": PASSCODE.encode()},
        more={
            "property_value": b'"canary-value"',  # properties are raw JSON
            "absent_property": ProviderError,
            "find": FindRef(name_regexp="^DB$"),
        },
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(onboardbase()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(onboardbase(), fault) as subject:
        await run_fault(fault, subject)
