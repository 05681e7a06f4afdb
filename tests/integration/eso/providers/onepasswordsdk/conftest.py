"""An account of 1Password with some items, and stores that read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.providers.onepasswordsdk.provider import OnePasswordSDKProvider
from eso.stores.broker import BrokerSettings
from tests.support.providerbench import ProviderBench, bench
from tests.support.vendors.onepasswordsdk import TOKEN, OnePassword

REF = {"name": "onepassword", "key": "token"}
AUTH = {"serviceAccountSecretRef": REF}
CACHE = {"ttl": "10s", "maxSize": 50}


class Case:
    def __init__(self, account: OnePassword) -> None:
        self.account = account
        self.now = 0.0
        self.stores: ProviderBench

    def lend(self, **spec: Any) -> Any:
        scope = {} if "environment" in spec else {"vault": "prod"}
        return self.stores.lend({"auth": AUTH, **scope, **spec})

    def counted(self, call: str, status: str = "success") -> float:
        return self.stores.counted("1Password/SDK", call, status)

    def asked(self) -> list[str]:
        """What was asked since the last time, without signing in."""
        found = [each for each in self.account.seen if each not in ("authenticate", "vaults")]
        self.account.seen.clear()
        return found


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    account = OnePassword(variables={"env": {"A": "canary-a", "B": ""}})
    database = account.item("db", ("password", "canary-value"), ("user", "ann"), ("dot.ted", "x"), tags=("web", "eu"))
    account.file(database, "ca.pem", b"canary-\xff\x00")
    account.item("twins", ("same", "1"), ("same", "2"), ("user", "bob"), tags=("eu",))
    document = account.item("doc", ("note", "canary-note"), category="Document")
    account.file(document, "doc.pdf", b"canary-pdf", document=True)
    account.file(document, "more.txt", b"more")
    found = Case(account)
    provider = OnePasswordSDKProvider(account.authenticate, lambda: found.now, timeout=0.3)
    # Without answers that are shared for a moment, so that it shows what the provider keeps.
    async with bench(provider, broker=BrokerSettings(reuse=0.0)) as stores:
        await stores.secret("onepassword", token=TOKEN, wrong="canary-wrong")
        found.stores = stores
        yield found
    assert account.open == 0
