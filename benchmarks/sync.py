"""How fast ExternalSecrets are synced, and what each sync costs.

On a real etcd and kube-apiserver, with a backend that takes 50 ms to answer: two keys of one remote secret and a template
per object. The same run measures what a bare client reaches that only does the writes (create the ExternalSecret, create its
Secret, patch its status); the operator's rate is reported as a share of it.

    python -m benchmarks sync --objects 1000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from benchmarks._plane import Api, Program, api_session, in_parallel
from eso.cli.crds import all_crds
from tests.support.controlplane import ControlPlane, running_control_plane

ES = "/apis/external-secrets.io/v1"
NAMESPACE = "bench"


@dataclass
class Backend:
    """Answers `/secret/<key>` with a JSON object after a delay, and counts."""

    latency: float
    calls: int = 0
    url: str = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.calls += 1
        await asyncio.sleep(self.latency)
        key = request.match_info["key"]
        return web.json_response({"username": f"user-{key}", "password": f"pass-{key}"})

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Backend]:
        app = web.Application()
        app.router.add_get("/secret/{key}", self.serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def external_secret(number: int, interval: str) -> dict:
    entries = [
        {"secretKey": name, "remoteRef": {"key": f"k{number}", "property": name}} for name in ("username", "password")
    ]
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": f"es-{number}", "namespace": NAMESPACE},
        "spec": {
            "refreshInterval": interval,
            "secretStoreRef": {"name": "backend"},
            "target": {"template": {"data": {"url": "postgresql://{{ .username }}:{{ .password }}@db:5432/app"}}},
            "data": entries,
        },
    }


async def bare_client(api: Api, count: int) -> float:
    """Objects a second for a client that does nothing but the three writes."""
    labels = {"reconcile.external-secrets.io/managed": "true"}

    async def write(number: int) -> None:
        body = external_secret(number, "1h")
        body["metadata"]["name"] = f"bare-{number}"
        # Not for the operator: another controller class would be read from the store, so the store is one it skips.
        body["spec"]["secretStoreRef"]["name"] = "nobody"
        await api.call("POST", f"{ES}/namespaces/{NAMESPACE}/externalsecrets", body)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"bare-{number}", "namespace": NAMESPACE, "labels": labels},
            "stringData": {"url": f"postgresql://user-k{number}:pass-k{number}@db:5432/app"},
        }
        await api.call("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
        status = {"status": {"refreshTime": "2026-01-01T00:00:00Z", "binding": {"name": f"bare-{number}"}}}
        path = f"{ES}/namespaces/{NAMESPACE}/externalsecrets/bare-{number}/status"
        await api.call("PATCH", path, status, kind="application/merge-patch+json")

    seconds = await in_parallel(count, write)

    async def remove(number: int) -> None:
        await api.call("DELETE", f"{ES}/namespaces/{NAMESPACE}/externalsecrets/bare-{number}")
        await api.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}/secrets/bare-{number}")

    await in_parallel(count, remove)
    return count / seconds


@contextlib.asynccontextmanager
async def operator(kubeconfig: Path, flags: Sequence[str]) -> AsyncIterator[Program]:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    arguments = ["controller", "--metrics-addr=127.0.0.1:0", "--live-addr=127.0.0.1:0", "--loglevel=error", *flags]
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "eso", *arguments, env=environment, stderr=log
        )
        try:
            yield Program(process)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            code = await process.wait()
            if code:
                log.seek(0)
                print(log.read().decode(errors="replace")[-3000:], file=sys.stderr)


async def wait_ready(api: Api, count: int, *, after: str = "", timeout: float = 900) -> None:
    """Until `count` ExternalSecrets are Ready, refreshed later than `after`."""
    deadline = time.perf_counter() + timeout
    while True:
        items = (await api.call("GET", f"{ES}/namespaces/{NAMESPACE}/externalsecrets"))["items"]
        ready = sum(_synced(item, after) for item in items)
        if ready >= count:
            return
        if time.perf_counter() > deadline:
            raise RuntimeError(f"only {ready} of {count} objects were synced within {timeout:.0f} s")
        # A list of everything costs the API server more than the work measured, so it is not asked often.
        await asyncio.sleep(max(0.2, count / 4000))


def _synced(item: dict, after: str) -> bool:
    status = item.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    return ready and status.get("refreshTime", "") > after


def shares(before: Counter[str], after: Counter[str], count: int) -> str:
    difference = {key: value - before[key] for key, value in after.items() if value > before[key]}
    parts = [f"{key} {value / count:.2f}" for key, value in sorted(difference.items(), key=lambda item: -item[1])]
    return ", ".join(part for part in parts if float(part.rsplit(" ", 1)[1]) >= 0.01)


WRITES = re.compile(r"^(POST|PUT|PATCH|GET|DELETE) (secrets|events|externalsecrets)(/status)?$")


def per_object(before: Counter[str], after: Counter[str], count: int) -> float:
    """Requests of the operator for each object; the benchmark's own creates and lists are not among them."""
    total = 0
    for key, value in after.items():
        if WRITES.match(key) and key not in ("POST externalsecrets",):
            total += value - before[key]
    return total / count


async def store(api: Api, backend: Backend) -> None:
    spec = {
        "provider": {
            "webhook": {
                "url": backend.url + "/secret/{{ .remoteRef.key }}",
                "result": {"jsonPath": "$.{{ .remoteRef.property }}"},
                "timeout": "10s",
            }
        }
    }
    body = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "SecretStore",
        "metadata": {"name": "backend"},
        "spec": spec,
    }
    await api.call("POST", f"{ES}/namespaces/{NAMESPACE}/secretstores", body)


async def install(api: Api) -> None:
    for crd in all_crds():
        await api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            await api.call("GET", f"{ES}/namespaces/{NAMESPACE}/secretstores")
            return
        await asyncio.sleep(0.1)


async def measure(options: argparse.Namespace) -> int:
    backend = Backend(options.latency)
    with running_control_plane() as plane:
        async with backend.running(), api_session(plane) as api:
            await install(api)
            await store(api, backend)
            bare = await bare_client(api, min(options.objects, 500))
            print(f"bare client, the three writes only: {bare:.0f} objects/s")
            for size in options.objects_list:
                await one_size(api, plane, backend, options, size, bare)
    return 0


async def one_size(
    api: Api, plane: ControlPlane, backend: Backend, options: argparse.Namespace, size: int, bare: float
) -> None:
    began = time.perf_counter()
    async with operator(plane.kubeconfig, options.flag) as running:
        path = f"{ES}/namespaces/{NAMESPACE}/externalsecrets"
        await api.call("POST", path, external_secret(-1, "1h"))
        await wait_ready(api, 1, timeout=60)
        print(f"\n{size} objects\n  start to first sync: {time.perf_counter() - began:.2f} s")
        await asyncio.sleep(2)
        idle = running.rss
        backend.calls = 0
        served, cpu = await api.requests_served(), running.cpu
        began = time.perf_counter()
        await in_parallel(size, lambda number: api.call("POST", path, external_secret(number, options.interval)))
        await wait_ready(api, size + 1)
        seconds = time.perf_counter() - began
        # Events are written behind; what is still on its way belongs to this sync.
        await asyncio.sleep(2)
        after = await api.requests_served()
        rate = size / seconds
        print(f"  first sync: {rate:.0f} objects/s, {rate / bare:.2f} of the bare client")
        print(f"  requests per object: {per_object(served, after, size):.2f} ({shares(served, after, size)})")
        print(f"  provider calls per object: {backend.calls / size:.2f}")
        print(f"  operator CPU per object: {(running.cpu - cpu) / size * 1e3:.2f} ms")
        print(f"  memory: idle {idle:.0f} MB, with {size} objects {running.rss:.0f} MB")
        await refresh(api, running, backend, size)
    await in_parallel(size, lambda number: api.call("DELETE", f"{path}/es-{number}"))
    await api.call("DELETE", f"{path}/es--1")


async def refresh(api: Api, running: Program, backend: Backend, size: int) -> None:
    """One refresh of everything without a change, forced by the clock in the interval."""
    path = f"{ES}/namespaces/{NAMESPACE}/externalsecrets"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    await asyncio.sleep(1.1)
    backend.calls = 0
    past = {"status": {"refreshTime": "2026-01-01T00:00:00Z"}}
    served, cpu = await api.requests_served(), running.cpu
    nudge = {"kind": "application/merge-patch+json"}
    await in_parallel(size, lambda number: api.call("PATCH", f"{path}/es-{number}/status", past, **nudge))
    touched = await api.requests_served()
    # A status written by somebody else alone does not start a reconcile; a label on the Secret does.
    label = {"metadata": {"labels": {"bench": stamp.replace(":", "")}}}
    secrets = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    await in_parallel(size, lambda number: api.call("PATCH", f"{secrets}/es-{number}", label, **nudge))
    await wait_ready(api, size, after=stamp)
    await asyncio.sleep(1)
    after = await api.requests_served()
    ours = per_object(served, after, size) - 2
    del touched
    print(
        f"  refresh without change: requests per object {ours:.2f}, provider calls {backend.calls / size:.2f}, ", end=""
    )
    print(f"operator CPU {(running.cpu - cpu) / size * 1e3:.2f} ms")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks sync", description=__doc__)
    parser.add_argument(
        "--objects", type=int, action="append", help="how many ExternalSecrets; repeat for several sizes"
    )
    parser.add_argument("--latency", type=float, default=0.05, help="seconds the backend takes")
    parser.add_argument("--interval", default="1h", help="refreshInterval of the objects")
    parser.add_argument(
        "--flag", action="append", default=[], help="a flag for the operator, for example --flag=--concurrent=8"
    )
    options = parser.parse_args(arguments)
    options.objects_list = options.objects or [500]
    options.objects = max(options.objects_list)
    return asyncio.run(measure(options))
