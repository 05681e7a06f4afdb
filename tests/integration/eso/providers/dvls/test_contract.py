"""The contract and the faults that every provider is checked for, of `dvls`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.dvls.provider import DVLSProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import REF, Vendor, backend
from tests.support.vendors.dvls import APP, SECRET, DevolutionsServer

UPSTREAM = {"writes as claimed": "it writes entries that exist, it makes none"}


def vendor() -> Vendor:
    server = DevolutionsServer()
    server.add("DB", path="prod", username="canary-user", password="canary-value")
    return Vendor(
        server,
        lambda url: DVLSProvider(),
        lambda gate: {
            "serverUrl": gate.url,
            "vault": "Operations",
            "auth": {"secretRef": {"appId": {**REF, "key": "app"}, "appSecret": REF}},
        },
        SECRET,
        secrets={"app": APP.encode()},
        expire=server.tokens.clear,
        more={
            "key": "prod/DB",
            "value": b"canary-value",
            "property_name": "username",
            "property_value": b"canary-user",
            "absent_property": ProviderError,
            "push_key": "prod/DB",
        },
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(vendor()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(vendor(), fault) as subject:
        await run_fault(fault, subject)
