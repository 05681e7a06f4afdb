"""The contract and the faults that every provider is checked for, of `volcengine`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from eso.providers.volcengine.auth import Surroundings
from eso.providers.volcengine.provider import VolcengineProvider
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.volcengine import ACCESS_KEY, SECRET_KEY, Volcengine

UPSTREAM = {**NOT_MISSING, "extracts": "texts keep the quotes of their JSON"}


def volcengine() -> Vendor:
    return Vendor(
        Volcengine(secrets={"DB": {"v1": VALUE}}),
        lambda url: VolcengineProvider(Surroundings(kms=url, environ={}, pause=0.001)),
        lambda gate: {
            "region": "cn-beijing",
            "auth": {"secretRef": {"accessKeyID": {"name": "credentials", "key": "id"}, "secretAccessKey": REF}},
        },
        SECRET_KEY,
        secrets={"id": ACCESS_KEY.encode()},
        more={"absent_property": ProviderError},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(volcengine()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(volcengine(), fault) as subject:
        await run_fault(fault, subject)
