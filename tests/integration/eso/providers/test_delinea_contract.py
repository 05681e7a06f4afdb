"""The contract and the faults that every provider is checked for, of `delinea`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import json

import pytest

from eso.providers.delinea.provider import DelineaProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.delinea import CLIENT, SECRET, DevOpsSecretsVault

UPSTREAM = NOT_MISSING


def vendor() -> Vendor:
    server = DevOpsSecretsVault(secrets={"DB": json.loads(VALUE)})
    return Vendor(
        server,
        lambda url: DelineaProvider(),
        lambda gate: {
            "tenant": "acme",
            "urlTemplate": f"{gate.url}/%s/%s/v1/%s%s",
            "clientId": {"secretRef": {**REF, "key": "client"}},
            "clientSecret": {"secretRef": REF},
        },
        SECRET,
        secrets={"client": CLIENT.encode()},
        expire=server.tokens.clear,
        more={"value": b'{"password":"canary-value","user":"ann"}'},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(vendor()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(vendor(), fault) as subject:
        await run_fault(fault, subject)
