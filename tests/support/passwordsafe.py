"""Stores of Password Safe, for the tests of the provider `beyondtrust`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from eso.providers.beyondtrust.provider import BeyondtrustProvider
from tests.support.gate import Gate
from tests.support.providerbench import ProviderBench, bench
from tests.support.vendors.beyondtrust import API_KEY, CLIENT_ID, CLIENT_SECRET, ROUTE, PasswordSafe, secret
from tests.support.vendors.tokenserver import serving

__all__ = ["ACCOUNTS", "KEY", "OAUTH", "SECRETS", "PasswordSafeCase", "password_safe_case"]

KEY = {"apiKey": {"secretRef": {"name": "bt", "key": "key"}}}
OAUTH = {
    "clientId": {"value": CLIENT_ID},
    "clientSecret": {"secretRef": {"name": "bt", "key": "secret"}},
}
SECRETS = [
    secret("apps", "db", "canary-password"),
    secret("apps", "db", "canary-second"),
    secret("apps/deep", "note", "canary-text", "Text"),
    secret("apps", "file", b"\x00canary\xff", "File"),
    secret("apps", "none", "", "Credential", Password=None),
    secret("1/2/3/4/5/6/7", "deep", "canary-deep"),
]
ACCOUNTS = {("web 1", "root/ä"): 'canary"\\é', ("web", "admin"): "canary-admin", ("web", "held"): "refused"}


class PasswordSafeCase:
    """Stores whose server is `safe`."""

    def __init__(self, safe: PasswordSafe, gate: Gate, stores: ProviderBench) -> None:
        self.safe = safe
        self.gate = gate
        self.stores = stores

    def lend(self, retrieval: str | None = "SECRET", auth: Any = None, options: Any = None, **server: Any) -> Any:
        return self.stores.lend(self.spec(retrieval, auth, **server), **(options or {}))

    def spec(self, retrieval: str | None = "SECRET", auth: Any = None, **server: Any) -> dict[str, Any]:
        found = {"apiUrl": f"{self.gate.url}{ROUTE}/", "verifyCA": False, "retrievalType": retrieval, **server}
        return {"server": {name: each for name, each in found.items() if each is not None}, "auth": auth or KEY}

    def counted(self, call: str) -> float:
        return self.stores.counted("BeyondTrust/PasswordSafe", call)


@asynccontextmanager
async def password_safe_case() -> AsyncIterator[PasswordSafeCase]:
    """A server that holds `SECRETS` and `ACCOUNTS`, and credentials for it."""
    safe = PasswordSafe(secrets=list(SECRETS), accounts=dict(ACCOUNTS))
    async with serving(safe), Gate(safe.url) as gate, bench(BeyondtrustProvider(pause=0.001)) as stores:
        await stores.secret("bt", key=API_KEY, secret=CLIENT_SECRET, short="canary", other="canary-" + "o" * 121)
        yield PasswordSafeCase(safe, gate, stores)
