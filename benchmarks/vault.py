"""Reads from a real Vault: requests of hvac sent on the event loop, as the operator does, beside hvac in a bounded thread pool.

Both read the same keys of one KV v2 engine, each once a round so that nothing is shared, with the same number in flight, in turn, in one
process; the ratio is what counts. The operator's figures include its broker and client pool.

    python -m benchmarks vault --reads 1000
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor

import hvac

from benchmarks._inflight import in_flight
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.vault.provider import VaultProvider
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from tests.support.providerbench import bench
from tests.support.vault import Vault, running_vault

POOL = 16
ROUNDS = 3


async def measure(vault: Vault, reads: int) -> None:
    spec = {
        "server": vault.url,
        "path": "kv",
        "version": "v2",
        "auth": {"tokenSecretRef": {"name": "vault", "key": "token"}},
    }
    sdk = hvac.Client(url=vault.url, token=vault.token)
    pool = ThreadPoolExecutor(POOL)
    loop = asyncio.get_running_loop()

    def by_sdk(number: int) -> Awaitable[object]:
        def read() -> object:
            return sdk.secrets.kv.v2.read_secret_version(f"k{number}", mount_point="kv", raise_on_deleted_version=True)[
                "data"
            ]["data"]["value"]

        return loop.run_in_executor(pool, read)

    async with bench(VaultProvider()) as cluster:
        token = Secret(metadata=ObjectMeta(name="vault", namespace="app"), data={"token": vault.token.encode()})
        await cluster.kube.create(token)
        for turn in range(ROUNDS):
            # Lent anew: a read accepts no answer that is older than the loan.
            async with cluster.lend(spec, uid="bench") as client:

                async def ours(number: int, client: SecretsClient = client) -> object:
                    return await client.get_secret(RemoteRef(f"k{number}", "value"))

                rate, cpu = await in_flight(reads, ours)
            sdk_rate, sdk_cpu = await in_flight(reads, by_sdk)
            print(
                f"round {turn + 1}: asyncio {rate:.0f} reads/s, {cpu:.2f} ms CPU; "
                f"hvac {sdk_rate:.0f} reads/s, {sdk_cpu:.2f} ms CPU; "
                f"ratio {rate / sdk_rate:.2f} in rate, {cpu / sdk_cpu:.2f} in CPU"
            )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks vault", description=__doc__)
    parser.add_argument("--reads", type=int, default=1000)
    options = parser.parse_args(arguments)
    with running_vault() as vault:
        vault.mount("kv", 2)
        for number in range(options.reads):
            vault.call("PUT", f"kv/data/k{number}", {"data": {"value": f"v{number}"}})
        asyncio.run(measure(vault, options.reads))
    return 0
