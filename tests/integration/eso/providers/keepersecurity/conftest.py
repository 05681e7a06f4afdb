"""A server of Keeper with two records, and stores that read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.providers.keepersecurity.provider import KeeperSecurityProvider
from tests.support.providerbench import ProviderBench, bench
from tests.support.vendors.keepersecurity import Keeper
from tests.support.vendors.tokenserver import serving

REF = {"name": "keeper", "key": "config"}
DB: dict[str, Any] = {
    "title": "DB",
    "type": "login",
    "fields": [
        {"type": "login", "value": ["ann"]},
        {"type": "password", "label": "", "value": ["canary-<password>"]},
        {"type": "text", "label": "note", "value": ["one", "two"]},
        {"type": "host", "value": [{"port": "5432", "hostName": "db"}]},
        {"type": "date", "value": [1700000000000]},
        {"type": "pinCode", "value": []},
        {"type": "oneTimeCode", "value": ["otpauth://canary"]},
        {"type": "fileRef", "value": ["file-uid"]},
    ],
    "custom": [
        {"type": "secret", "label": "url", "value": ["https://db"]},
        {"type": "secret", "label": "none", "value": []},
    ],
    "notes": "not shown",
}
FIELDS = {
    "login": "ann",
    "password": "canary-<password>",
    "note": '["one","two"]',
    "host": '{"hostName":"db","port":"5432"}',
    "date": "1700000000000",
    "url": "https://db",
}
HIDDEN = {"oneTimeCode": "otpauth://canary", "fileRef": "file-uid"}
PLAIN = {"title": "Plain", "type": "login", "fields": [{"type": "password", "value": ["canary-plain"]}]}


def pushed(title: str = "App", **more: Any) -> dict[str, Any]:
    return {"title": title, "type": "externalSecrets", "fields": [], "custom": [], **more}


class Case:
    def __init__(self, keeper: Keeper, stores: ProviderBench) -> None:
        self.keeper = keeper
        self.stores = stores

    def lend(self, **more: Any) -> Any:
        return self.stores.lend({"authRef": REF, "folderID": self.keeper.folder, **more})

    def counted(self, call: str, status: str = "success") -> float:
        return self.stores.counted("KeeperSecurity", call, status)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    keeper = Keeper(records={"db": DB, "plain": PLAIN}, single={"plain"})
    keeper.files["db"] = {"ca.pem": b"canary-\xff\x00", "empty": b""}
    async with serving(keeper), bench(KeeperSecurityProvider(keeper.url, keeper.server_keys())) as stores:
        await stores.secret("keeper", config=keeper.config(), wrong="canary-wrong")
        yield Case(keeper, stores)
