"""The contract and the faults that every provider is checked for, of `keepersecurity`."""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.keepersecurity.provider import KeeperSecurityProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.vendorcontract import NOT_MISSING, REF, Vendor, backend
from tests.support.vendors.keepersecurity import Keeper

RECORD = {
    "title": "DB",
    "type": "login",
    "fields": [{"type": "password", "value": ["canary-value"]}],
    "custom": [{"type": "text", "label": "user", "value": ["ann"]}],
}
WHOLE = (
    b'{"title":"DB","type":"login","fields":[{"type":"password","value":["canary-value"]}],'
    b'"custom":[{"type":"text","label":"user","value":["ann"]}],"files":null}'
)
UPSTREAM = {**NOT_MISSING, "writes as claimed": "IfNotExists is not supported, and a push needs recordTitle/fieldLabel"}


def keeper() -> Vendor:
    server = Keeper(records={"uid": RECORD})
    return Vendor(
        server,
        lambda url: KeeperSecurityProvider(url, server.server_keys()),
        lambda gate: {"authRef": REF, "folderID": server.folder},
        server.config(),
        more={"key": "uid", "value": WHOLE, "find": FindRef(name_regexp="^DB$"), "absent_property": ProviderError},
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend(keeper()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(keeper(), fault) as subject:
        await run_fault(fault, subject)
