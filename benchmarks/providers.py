"""What a read costs with each provider, through the operator's broker and client pool, and what a provider's first use costs.

    python -m benchmarks providers --reads 1000
    python -m benchmarks providers --only webhook vault --latency 0
    python -m benchmarks providers --first-use

Each key is read once a round with a number of reads in flight; nothing is shared between rounds. Backends run in processes of
their own: the embedded API server, a real Vault, moto, a web server; the latency is added by a proxy on loopback. `first use` starts
a fresh process for each provider.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import eso.providers
from benchmarks._backends import running
from benchmarks._inflight import in_flight
from eso.identity.aws.connection import ENDPOINTS
from eso.providers.base import Provider, RemoteRef
from eso.providers.registry import PROVIDERS, ProviderRegistry
from eso.stores.broker import BrokerSettings
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from tests.support.providerbench import ProviderBench, bench
from tests.support.vault import running_vault

ROUNDS = 3
LATENCIES = (0.0, 50.0)


@dataclass
class Target:
    """A store and what to read from it.

    Attributes:
        provider: the provider.
        spec: `spec.provider.<name>`.
        credentials: data of Secret `creds`.
        ref: the key with that number.
    """

    provider: Provider[Any]
    spec: dict[str, Any]
    ref: Callable[[int], RemoteRef]
    credentials: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def webhook(reads: int, latency: float) -> Iterator[Target]:
    with running("webhook") as said, delayed(said["url"], latency) as url:
        spec = {"url": f"{url}/v/{{{{ .remoteRef.key }}}}", "result": {"jsonPath": "$.value"}}
        yield Target(provider("webhook"), spec, lambda number: RemoteRef(f"k{number}"))


@contextmanager
def kubernetes(reads: int, latency: float) -> Iterator[Target]:
    with running("kubernetes", str(reads)) as said, delayed(said["url"], latency) as url:
        token = {"bearerToken": {"name": "creds", "key": "token"}}
        spec = {"server": {"url": url, "caBundle": said["ca"]}, "auth": {"token": token}, "remoteNamespace": "remote"}
        found = provider("kubernetes")
        yield Target(found, spec, lambda number: RemoteRef(f"k{number}", "value"), {"token": b"token"})


@contextmanager
def vault(reads: int, latency: float) -> Iterator[Target]:
    with running_vault() as server, delayed(server.url, latency) as url:
        server.mount("kv", 2)
        for number in range(reads):
            server.call("PUT", f"kv/data/k{number}", {"data": {"value": f"v{number}"}})
        auth = {"tokenSecretRef": {"name": "creds", "key": "token"}}
        spec = {"server": url, "path": "kv", "version": "v2", "auth": auth}
        ref = lambda number: RemoteRef(f"k{number}", "value")  # noqa: E731
        yield Target(provider("vault"), spec, ref, {"token": server.token.encode()})


@contextmanager
def aws(reads: int, latency: float) -> Iterator[Target]:
    """GetSecretValue, one request for each read."""
    with amazon(reads, latency) as (target, versions):
        target.ref = lambda number: RemoteRef(f"k{number}", "value", version=f"uuid/{versions[number]}")
        yield target


@contextmanager
def aws_batch(reads: int, latency: float) -> Iterator[Target]:
    """BatchGetSecretValue, as the operator reads by default."""
    with amazon(reads, latency) as (target, _):
        yield target


@contextmanager
def amazon(reads: int, latency: float) -> Iterator[tuple[Target, list[str]]]:
    from eso.providers.aws.provider import AWSProvider

    with running("aws", str(reads), str(latency)) as said:
        keys = {
            "accessKeyIDSecretRef": {"name": "creds", "key": "id"},
            "secretAccessKeySecretRef": {"name": "creds", "key": "secret"},
        }
        spec = {"service": "SecretsManager", "region": "eu-central-1", "auth": {"secretRef": keys}}
        made = AWSProvider(dict.fromkeys(ENDPOINTS.values(), said["url"]))
        ref = lambda number: RemoteRef(f"k{number}", "value")  # noqa: E731
        yield Target(made, spec, ref, {"id": b"AKIAEXAMPLE", "secret": b"secret"}), said["versions"]


TARGETS = {"aws": aws, "aws-batch": aws_batch, "vault": vault, "kubernetes": kubernetes, "webhook": webhook}


def provider(key: str) -> Provider[Any]:
    return ProviderRegistry().get(key)


@contextmanager
def delayed(url: str, latency: float) -> Iterator[str]:
    """The URL of a proxy whose answers come later; the same URL without a latency."""
    if not latency:
        yield url
        return
    parts = urlsplit(url)
    with running("delay", parts.netloc, str(latency)) as said:
        yield f"{parts.scheme}://127.0.0.1:{said['port']}"


async def rounds(cluster: ProviderBench, target: Target, reads: int) -> list[tuple[float, float]]:
    found = []
    # The first round signs in and opens the connections.
    for _ in range(ROUNDS + 1):
        # Lent anew: a read accepts no answer that is older than the loan.
        async with cluster.lend(target.spec, uid="bench") as client:

            async def read(number: int, client: Any = client) -> None:
                await client.get_secret(target.ref(number))

            found.append(await in_flight(reads, read))
    return found[1:]


async def measure(name: str, reads: int, latency: float) -> float:
    """Print the figures; the best rate."""
    with ExitStack() as stack:
        target = await asyncio.to_thread(stack.enter_context, TARGETS[name](reads, latency / 1e3))
        # The vendors' default quotas are not what is measured.
        free = BrokerSettings(rate=1e6, burst=100_000)
        async with bench(target.provider, broker=free) as cluster:
            metadata = ObjectMeta(name="creds", namespace="app", labels={"external-secrets.io/type": "webhook"})
            await cluster.kube.create(Secret(metadata=metadata, data=target.credentials))
            found = await rounds(cluster, target, reads)
    best = max(rate for rate, _ in found)
    cpu = min(cpu for _, cpu in found)
    rates = ", ".join(f"{rate:.0f}" for rate, _ in found)
    print(f"{name}, {latency:g} ms: {rates} reads/s; {cpu:.2f} ms CPU per read", flush=True)
    return best


FIRST_USE = """
import asyncio, json, sys, time
import eso.cli.operator
from eso.providers.registry import ProviderRegistry

def rss():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024

async def main(key):
    registry, longest, before = ProviderRegistry(), 0.0, rss()
    async def watch():
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    longest, cpu = 0.0, time.process_time()
    await registry.load({key: {}}, "store")
    cpu = time.process_time() - cpu
    watching.cancel()
    print(json.dumps([cpu * 1e3, longest * 1e3, before, rss()]))

asyncio.run(main(sys.argv[1]))
"""


def idle(seconds: float) -> float:
    """Megabytes of a running operator without any store."""
    with running("cluster") as kubeconfig, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kubeconfig")
        path.write_text(kubeconfig)
        flags = ["--metrics-addr=127.0.0.1:0", "--live-addr=127.0.0.1:0"]
        operator = subprocess.Popen(
            [sys.executable, "-m", "eso", "controller", *flags],
            env={**os.environ, "KUBECONFIG": str(path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            with suppress(subprocess.TimeoutExpired):
                raise RuntimeError(f"the operator ended with {operator.wait(seconds)}")
            return rss(operator.pid)
        finally:
            operator.terminate()
            operator.wait(20)


def rss(pid: int) -> float:
    with Path(f"/proc/{pid}/status").open() as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


def shipped() -> list[str]:
    """Providers that are part of this distribution."""
    package = Path(eso.providers.__file__).parent
    return sorted(key for key in PROVIDERS if (package / key.lower() / "provider.py").exists())


def first_use(keys: Sequence[str], settle: float) -> None:
    """Print what the import of each provider costs in a fresh process."""
    if settle > 0:
        print(f"operator without a store: {idle(settle):.0f} MB")
    for key in keys:
        done = subprocess.run([sys.executable, "-c", FIRST_USE, key], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{key}: {done.stderr.strip().splitlines()[-1]}")
            continue
        cpu, pause, before, after = json.loads(done.stdout)
        print(
            f"{key}: import {cpu:.0f} ms CPU, longest pause of the loop {pause:.0f} ms, "
            f"memory {before:.0f} -> {after:.0f} MB (+{after - before:.0f})",
            flush=True,
        )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks providers", description=__doc__)
    parser.add_argument("--reads", type=int, default=1000)
    parser.add_argument("--latency", type=float, nargs="*", default=LATENCIES, help="milliseconds")
    parser.add_argument("--only", nargs="*", choices=sorted(TARGETS), default=list(TARGETS))
    parser.add_argument(
        "--first-use", nargs="*", metavar="KEY", help="import costs; of every provider if none is named"
    )
    parser.add_argument(
        "--settle", type=float, default=5.0, help="seconds before the memory of an operator is read; 0 starts none"
    )
    options = parser.parse_args(arguments)
    if options.first_use is not None:
        first_use(options.first_use or shipped(), options.settle)
        return 0
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    for name in options.only:
        for latency in options.latency:
            asyncio.run(measure(name, options.reads, latency))
    return 0
