"""The contract and the faults that every provider is checked for, of `barbican`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eso.errors import ProviderError
from eso.providers.barbican.provider import BarbicanProvider
from eso.providers.base import FindRef
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend
from tests.support.vendors.barbican import PASSWORD, Barbican, uuid

UPSTREAM = {
    **NOT_MISSING,
    "finds": "a search without a match is an error",
    "validates": "the answer is Unknown: that there is a client says that signing in works",
}


@asynccontextmanager
async def _another_password(server: Barbican) -> AsyncIterator[None]:
    """The user got another password, and tokens ended."""
    before, server.password = server.password, "another"
    server.tokens.clear()
    try:
        yield
    finally:
        server.password = before


def vendor() -> Vendor:
    server = Barbican(secrets={uuid(1): ("DB", VALUE.encode())})
    auth = {"username": {"value": "ann"}, "password": {"secretRef": REF}}
    return Vendor(
        server,
        lambda url: BarbicanProvider(server.issued.timestamp),
        lambda gate: {"authURL": gate.url, "tenantName": "web", "domainName": "Default", "region": "two", "auth": auth},
        PASSWORD,
        expire=server.tokens.clear,
        refuse=lambda: _another_password(server),
        exempt={"malformed answer": "a payload may be any text"},
        more={
            "key": uuid(1),
            "missing": uuid(2),
            "property_value": b'"canary-value"',
            "find": FindRef(name_regexp="^DB$"),
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
