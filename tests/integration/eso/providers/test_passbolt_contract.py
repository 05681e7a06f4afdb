"""The contract and the faults that every provider is checked for, of `passbolt`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eso.errors import InvalidSpecError
from eso.providers.base import FindRef
from eso.providers.passbolt.provider import PassboltProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.faultbench import trusting
from tests.support.vendorcontract import NOT_MISSING, REF, Vendor, backend
from tests.support.vendors.passbolt import PASSPHRASE, PRIVATE_KEY, Passbolt

UPSTREAM = {**NOT_MISSING, "validates": "the answer is Unknown: that there is a client says that signing in works"}


@asynccontextmanager
async def _another_key(server: Passbolt) -> AsyncIterator[None]:
    """The user got another key, and sessions ended."""
    known, server.keys = server.keys, {}
    server.errors_as = 403
    server.sessions.clear()
    try:
        yield
    finally:
        server.keys, server.errors_as = known, 0


def vendor() -> Vendor:
    server = Passbolt()
    one = server.add("password-string", "canary-value", name="db", username="ann")
    return Vendor(
        server,
        lambda url: PassboltProvider(),
        lambda gate: {
            "host": gate.url,
            "caBundle": trusting(gate.ca),
            "auth": {"privateKeySecretRef": {**REF, "key": "key"}, "passwordSecretRef": REF},
        },
        PASSPHRASE,
        secrets={"key": PRIVATE_KEY.encode()},
        expire=server.sessions.clear,
        refuse=lambda: _another_key(server),
        more={
            "key": one,
            "value": b'{"name":"db","username":"ann","password":"canary-value","uri":"","description":""}',
            "missing": "00000000-0000-4000-8000-000000000000",
            "find": FindRef(name_regexp="^db$"),
            "absent_property": InvalidSpecError,
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
