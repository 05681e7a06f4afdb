"""Stores of the provider `oracle`, for its tests: a vault, a cluster, a clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eso.providers.oracle.auth import Surroundings
from eso.providers.oracle.provider import OracleProvider
from tests.support.keypairs import certificate_pem
from tests.support.providerbench import ProviderBench, bench
from tests.support.vendors.oracle import COMPARTMENT, FINGERPRINT, KEY, TENANCY, USER, VAULT, Oracle, pem_of, user_key
from tests.support.vendors.tokenserver import serving

__all__ = ["AUTH", "REFS", "STORE", "OracleCase", "oracle_case"]

REFS = {
    "privatekey": {"name": "oci", "key": "pem"},
    "fingerprint": {"name": "oci", "key": "fingerprint"},
}
AUTH = {"user": USER, "tenancy": TENANCY, "secretRef": REFS}
STORE = {"region": "us-ashburn-1", "vault": VAULT, "compartment": COMPARTMENT, "encryptionKey": KEY}
DOCUMENT = b'{"a":"canary-a","n":{"k":1},"dot.ted":"y"}'
START = datetime(2026, 1, 1, tzinfo=UTC)


class OracleCase:
    """A vault, and stores in a cluster that use it; time passes when `later` says so."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.now = START
        self.later(0)
        self.stores: ProviderBench

    def around(self, folder: Path) -> Surroundings:
        """The server as all of Oracle's services; the Pod's files are in the folder."""
        for name, content in (("token", b"canary-pod-token\n"), ("ca", certificate_pem())):
            (folder / name).write_bytes(content)
        url = self.oracle.url
        return Surroundings(
            secrets=url,
            vaults=url,
            kms=url,
            federation=f"{url}",
            metadata=f"{url}/opc",
            proxymux=url,
            token_file=str(folder / "token"),
            ca_file=str(folder / "ca"),
            environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            now=lambda: self.now,
        )

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self.oracle.now = self.now

    def lend(self, **change: Any) -> Any:
        """A client of the store with some fields changed."""
        options = {name: change.pop(name) for name in ("cluster", "consumer", "uid") if name in change}
        return self.stores.lend({**STORE, "auth": AUTH, **change}, **options)


@asynccontextmanager
async def oracle_case(folder: Path) -> AsyncIterator[OracleCase]:
    """A vault with some secrets, and a cluster with the key of its user."""
    oracle = Oracle()
    oracle.secret("db", b"canary-old", b"canary-db", team="db", env="prod")
    oracle.secret("doc", DOCUMENT, team="db")
    oracle.secret("texts", b'{"a":"canary-x","b":null}')
    oracle.secret("ending", b"canary-ending", ending=True, team="db")
    oracle.secret("odd name/+&", b"\xff\x00canary")
    found = OracleCase(oracle)
    async with serving(oracle), bench(OracleProvider(found.around(folder))) as stores:
        found.stores = stores
        await stores.secret("oci", pem=pem_of(user_key()), fingerprint=FINGERPRINT, empty="", bad="canary-bad")
        yield found
