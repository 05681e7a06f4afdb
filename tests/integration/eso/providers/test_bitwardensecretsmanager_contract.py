"""The contract and the faults that every provider is checked for, of `bitwardensecretsmanager`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.providers.base import FindRef
from eso.providers.bitwardensecretsmanager.provider import BitwardenSecretsManagerProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.faultbench import trusting
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.bitwardensecretsmanager import ORGANIZATION, PROJECT, TOKEN, SdkServer

UPSTREAM = {
    **NOT_MISSING,
    "selects properties": "properties do not matter",
    "finds": "a search gives every secret, whatever it asks for",
    "writes as claimed": "deleting by a name that nobody has is an error",
}


def vendor() -> Vendor:
    server = SdkServer()
    server.add("DB", VALUE)
    return Vendor(
        server,
        lambda url: BitwardenSecretsManagerProvider(),
        lambda gate: {
            "bitwardenServerSDKURL": gate.url,
            "caBundle": trusting(gate.ca),
            "auth": {"secretRef": {"credentials": REF}},
            "organizationID": ORGANIZATION,
            "projectID": PROJECT,
        },
        TOKEN,
        more={"find": FindRef(), "push_key": "PUSHED"},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(vendor()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(vendor(), fault) as subject:
        await run_fault(fault, subject)
