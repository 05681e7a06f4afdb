"""The contract and the faults that every provider is checked for, of `ovh`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import json

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.ovh.provider import OvhProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import REF, VALUE, Vendor, backend
from tests.support.vendors.ovh import DOMAIN, TOKEN, Okms

UPSTREAM = {
    "finds": "a search without a match is an error",
    "writes as claimed": "a pushed key is a member of the data, never the whole of it",
}


def vendor() -> Vendor:
    server = Okms()
    server.put("db", json.loads(VALUE))
    return Vendor(
        server,
        lambda url: OvhProvider(),
        lambda gate: {"server": gate.url, "okmsid": DOMAIN, "auth": {"token": {"tokenSecretRef": REF}}},
        TOKEN,
        more={
            "key": "db",
            "value": b'{"password":"canary-value","user":"ann"}',
            "missing": "none",
            "find": FindRef(name_regexp="^db$"),
            "absent_property": ProviderError,
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
