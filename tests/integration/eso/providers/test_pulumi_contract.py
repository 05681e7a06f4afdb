"""The contract and the faults that every provider is checked for, of `pulumi`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.providers.pulumi.provider import PulumiProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.pulumi import TOKEN, Pulumi

UPSTREAM = {
    **NOT_MISSING,
    "selects properties": "properties do not matter",
    "writes as claimed": "the status says ReadOnly though it writes, and IfNotExists is not supported",
}


def pulumi() -> Vendor:
    return Vendor(
        Pulumi(definition=f"values:\n  DB:\n    fn::secret: '{VALUE}'\n"),
        lambda url: PulumiProvider(),
        lambda gate: {
            "apiUrl": f"{gate.url}/api/esc",
            "organization": "acme",
            "project": "web",
            "environment": "prod",
            "auth": {"accessToken": {"secretRef": REF}},
        },
        TOKEN,
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(pulumi()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(pulumi(), fault) as subject:
        await run_fault(fault, subject)
