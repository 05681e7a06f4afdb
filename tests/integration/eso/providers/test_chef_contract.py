"""The contract and the faults that every provider is checked for, of `chef`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import json

import pytest

from eso.errors import ProviderError
from eso.providers.chef.provider import ChefProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.chef import USER, Chef, pem_of, user_key

UPSTREAM = {**NOT_MISSING, "extracts": "an extract reads a data bag, not an item"}


def chef() -> Vendor:
    return Vendor(
        Chef(bags={"bag": {"DB": json.loads(VALUE)}}),
        lambda url: ChefProvider(),
        lambda gate: {
            "username": USER,
            "serverUrl": f"{gate.url}/organizations/acme/",
            "auth": {"secretRef": {"privateKeySecretRef": REF}},
        },
        pem_of(user_key()),
        more={
            "key": "bag/DB",
            "missing": "bag/NONE",
            "value": b'{"password":"canary-value","user":"ann"}',
            "absent_property": ProviderError,
        },
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(chef()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(chef(), fault) as subject:
        await run_fault(fault, subject)
