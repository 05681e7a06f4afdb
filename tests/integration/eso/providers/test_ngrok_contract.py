"""The contract and the faults that every provider is checked for, of `ngrok`."""

from __future__ import annotations

import pytest

from eso.providers.ngrok.provider import NgrokProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import REF, Vendor, backend
from tests.support.vendors.ngrok import KEY, Ngrok


def ngrok() -> Vendor:
    server = Ngrok()
    server.vault("prod")
    return Vendor(
        server,
        lambda url: NgrokProvider(),
        lambda gate: {"apiUrl": gate.url, "vault": {"name": "prod"}, "auth": {"apiKey": {"secretRef": REF}}},
        KEY,
        more={"push_key": "pushed"},
    )


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check: str) -> None:
    async with backend(ngrok()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(ngrok(), fault) as subject:
        await run_fault(fault, subject)
