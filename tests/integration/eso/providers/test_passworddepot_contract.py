"""The contract and the faults that every provider is checked for, of `passworddepot`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from eso.errors import ProviderError
from eso.providers.base import RemoteRef, SecretsClient, StoreContext
from eso.providers.passworddepot.provider import PasswordDepotProvider
from eso.providers.passworddepot.spec import PasswordDepotSpec
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from eso.values import SecretMap, SecretValue
from tests.support.vendorcontract import NOT_MISSING, VALUE, Vendor, backend
from tests.support.vendors.passworddepot import PASSWORD, USER, PasswordDepot, item

UPSTREAM = NOT_MISSING


class _Passwords(SecretsClient):
    """Reads the password where the suite names no property, which this vendor's entries need."""

    def __init__(self, client: SecretsClient) -> None:
        self._client = client

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        return await self._client.get_secret(replace(ref, property=ref.property or "pass"))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        return await self._client.get_secret_map(ref)

    async def close(self) -> None:
        await self._client.close()


class _Provider(PasswordDepotProvider):
    async def new_client(self, spec: PasswordDepotSpec, context: StoreContext) -> SecretsClient:
        return _Passwords(await super().new_client(spec, context))


@asynccontextmanager
async def _refusing(server: PasswordDepot) -> AsyncIterator[None]:
    server.users = {USER: "another"}
    server.sessions.clear()
    try:
        yield
    finally:
        server.users = {USER: PASSWORD}


def passworddepot() -> Vendor:
    server = PasswordDepot(databases={"team": [item("DB", login="canary-user", **{"pass": VALUE})]})
    return Vendor(
        server,
        _Provider,
        lambda gate: {
            "host": "127.0.0.1",
            "database": "team",
            "auth": {"secretRef": {"credentials": {"name": "credentials"}}},
        },
        "unused",
        secrets={"username": USER.encode(), "password": PASSWORD.encode()},
        expire=server.sessions.clear,
        refuse=lambda: _refusing(server),
        more={"property_name": "login", "property_value": b"canary-user", "absent_property": ProviderError},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(passworddepot()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(passworddepot(), fault) as subject:
        await run_fault(fault, subject)
