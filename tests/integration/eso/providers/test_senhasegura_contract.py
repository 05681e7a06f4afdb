"""The contract and the faults that every provider is checked for, of `senhasegura`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eso.providers.senhasegura.provider import SenhaseguraProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import REF, Vendor, backend
from tests.support.vendors.senhasegura import CLIENT, CLIENT_SECRET, Senhasegura, secret


def senhasegura() -> Vendor:
    server = Senhasegura(secrets=[secret("DB", {"user": "ann", "password": "canary-value"})])

    @asynccontextmanager
    async def refusing() -> AsyncIterator[None]:
        server.client_secret = "another"
        server.tokens.clear()
        try:
            yield
        finally:
            server.client_secret = CLIENT_SECRET

    return Vendor(
        server,
        lambda url: SenhaseguraProvider(),
        lambda gate: {"url": gate.url, "module": "DSM", "auth": {"clientId": CLIENT, "clientSecretSecretRef": REF}},
        CLIENT_SECRET,
        expire=server.tokens.clear,
        refuse=refusing,
        more={"value": b'[{"password":"canary-value","user":"ann"}]'},
    )


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check: str) -> None:
    async with backend(senhasegura()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(senhasegura(), fault) as subject:
        await run_fault(fault, subject)
