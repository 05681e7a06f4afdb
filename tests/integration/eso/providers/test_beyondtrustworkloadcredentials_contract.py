"""The contract and the faults that every provider is checked for, of `beyondtrustworkloadcredentials`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.beyondtrustworkloadcredentials.provider import BeyondtrustWorkloadCredentialsProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.faultbench import trusting
from tests.support.vendorcontract import REF, Vendor, backend
from tests.support.vendors.beyondtrustworkloadcredentials import STORE_SITE, WorkloadCredentials

UPSTREAM = {"finds": "a search yields members under the paths of their secrets, and one without a match is NoSecret"}


def workload_credentials() -> Vendor:
    server = WorkloadCredentials(secrets={"apps/DB": {"user": "ann", "password": "canary-value"}})
    return Vendor(
        server,
        lambda url: BeyondtrustWorkloadCredentialsProvider(),
        lambda gate: {
            "server": {"apiUrl": f"{gate.url}/site", "siteId": STORE_SITE},
            "auth": {"apikey": {"token": REF}},
            "caBundle": trusting(gate.ca),
            "folderPath": "apps",
        },
        "canary-api",
        more={"value": b'{"password":"canary-value","user":"ann"}', "absent_property": ProviderError},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(workload_credentials()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(workload_credentials(), fault) as subject:
        await run_fault(fault, subject)
