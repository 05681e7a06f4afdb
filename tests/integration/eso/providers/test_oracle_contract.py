"""The contract and the faults that every provider is checked for, of `oracle`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.oracle.auth import Surroundings
from eso.providers.oracle.provider import OracleProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.oracle import COMPARTMENT, FINGERPRINT, KEY, TENANCY, USER, VAULT, Oracle, pem_of, user_key

UPSTREAM = NOT_MISSING


def oracle() -> Vendor:
    server = Oracle()
    server.secret("DB", VALUE.encode())
    auth = {
        "user": USER,
        "tenancy": TENANCY,
        "secretRef": {"privatekey": REF, "fingerprint": {"name": "credentials", "key": "fingerprint"}},
    }
    return Vendor(
        server,
        lambda url: OracleProvider(Surroundings(secrets=url, vaults=url, kms=url)),
        lambda gate: {
            "region": "us-ashburn-1",
            "vault": VAULT,
            "compartment": COMPARTMENT,
            "encryptionKey": KEY,
            "auth": auth,
        },
        pem_of(user_key()),
        secrets={"fingerprint": FINGERPRINT.encode()},
        more={
            "find": FindRef(name_regexp="^DB$"),
            "push_key": "PUSHED",
            "absent_property": ProviderError,
            # What is scheduled for deletion is there until then.
            "deletes": False,
        },
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(oracle()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(oracle(), fault) as subject:
        await run_fault(fault, subject)
