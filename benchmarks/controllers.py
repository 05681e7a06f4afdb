"""What a controller costs: `reconcile`, controller-runtime and kopf at the same work in one run.

On a real etcd and kube-apiserver, 16 clients create ConfigMaps of 1 kB and the controller annotates each once. One program runs
at a time, each in a namespace of its own. Measured are objects a second from the first create until the last object is
annotated, the time from the create of an object until its annotation is seen by a watch, the CPU of the controller's process,
and its resident memory idle, with those objects, and with more that it has nothing to do for.

The API server is then killed and started again, once while nothing happens and once in the middle of the creates: how often
the program lists and watches after that is counted by the API server.

    python -m benchmarks controllers --objects 3000 --cached 13000 --rounds 2
    python -m benchmarks controllers --peer reconcile --restarts
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks._plane import Api, Program, api_session, in_parallel
from benchmarks.peers import build
from benchmarks.peers.with_reconcile import ANNOTATION
from tests.support.controlplane import ControlPlane, running_control_plane

PEERS = ("reconcile", "controller-runtime", "kopf")
MARK = f'"{ANNOTATION}":"yes"'.encode()
NAME = re.compile(rb'"metadata":\{"name":"([^"]*)"')
SETTLE = 5.0


def command(peer: str, kubeconfig: Path, namespace: str) -> tuple[list[str], dict[str, str]]:
    """How a peer is started, and its environment."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    if peer == "controller-runtime":
        return [*build.controller_runtime(), f"--config={kubeconfig}", f"--namespace={namespace}"], environment
    if peer == "kopf":
        script = str(Path(__file__).parent / "peers" / "with_kopf.py")
        return [*build.kopf(), "run", "--quiet", "--standalone", f"--namespace={namespace}", script], environment
    return [sys.executable, "-m", "benchmarks.peers.with_reconcile", str(kubeconfig), namespace], environment


@contextlib.asynccontextmanager
async def running(peer: str, kubeconfig: Path, namespace: str) -> AsyncIterator[Program]:
    arguments, environment = command(peer, kubeconfig, namespace)
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *arguments, env=environment, cwd=build.ROOT, stdout=log, stderr=log
        )
        try:
            yield Program(process)
        except BaseException:
            log.seek(0)
            print(log.read().decode(errors="replace")[-3000:], file=sys.stderr)
            raise
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), 20)
                except TimeoutError:
                    process.kill()
                    await process.wait()


@dataclass
class Watcher:
    """Sees when objects are annotated."""

    api: Api
    namespace: str
    seen: dict[str, float] = field(default_factory=dict)
    opened: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Watch until cancelled; what happened while the API server was away comes with the next watch."""
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                await self._watch()
            await asyncio.sleep(0.2)

    async def _watch(self) -> None:
        url = f"{self.api.base}/api/v1/namespaces/{self.namespace}/configmaps?watch=true"
        async with self.api.http.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            self.opened += answer.status == 200
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                now = time.perf_counter()
                for line in lines:
                    if MARK in line and (name := NAME.search(line)):
                        self.seen.setdefault(name[1].decode(), now)
                self.changed.set()

    async def until(self, count: int, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while len(self.seen) < count:
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Load:
    """Creates objects in one namespace."""

    api: Api
    namespace: str
    started: dict[str, float] = field(default_factory=dict)

    def body(self, name: str, annotated: bool) -> dict:
        metadata: dict = {"name": name}
        if annotated:
            metadata["annotations"] = {ANNOTATION: "yes"}
        data = {"payload": (name + "-") * (1024 // (len(name) + 1))}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    async def create(self, name: str, *, annotated: bool = False) -> None:
        """Create one object, again while the API server is away."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps"
        body = self.body(name, annotated)
        self.started[name] = time.perf_counter()
        while True:
            try:
                await self.api.call("POST", path, body)
            except (aiohttp.ClientError, RuntimeError):
                await asyncio.sleep(0.2)
            else:
                return


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def lists_and_watches(api: Api, namespace_scope: str = "namespace") -> tuple[int, int]:
    """Lists and watches of ConfigMaps in one namespace that the API server has served or is serving."""
    text = (await api.call("GET", "/metrics"))["text"]
    found = {"LIST": 0, "WATCH": 0}
    for labels, value in re.findall(r"^apiserver_request_total\{([^}]*)\} (\S+)", text, re.M):
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if pairs.get("resource") == "configmaps" and pairs["scope"] == namespace_scope and pairs["verb"] in found:
            found[pairs["verb"]] += int(float(value))
    for labels, value in re.findall(r"^apiserver_longrunning_requests\{([^}]*)\} (\S+)", text, re.M):
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if pairs.get("resource") == "configmaps" and pairs["scope"] == namespace_scope and pairs["verb"] == "WATCH":
            found["WATCH"] += int(float(value))
    return found["LIST"], found["WATCH"]


async def one_run(plane: ControlPlane, api: Api, options: argparse.Namespace, peer: str, number: int) -> dict:
    namespace = f"{peer}-{number}"
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    load, watcher = Load(api, namespace), Watcher(api, namespace)
    async with asyncio.TaskGroup() as group, running(peer, plane.kubeconfig, namespace) as program:
        watching = group.create_task(watcher.run())
        await load.create("warm")
        await watcher.until(1, 60)
        await asyncio.sleep(options.settle)
        figures = {"peer": peer, "round": number, "idle_mb": program.rss}
        cpu, began = program.cpu, time.perf_counter()
        await in_parallel(options.objects, lambda index: load.create(f"object-{index}"))
        await watcher.until(options.objects + 1, 120 + options.objects / 20)
        seconds = max(watcher.seen.values()) - began
        waits = [watcher.seen[name] - load.started[name] for name in watcher.seen if name != "warm"]
        # The patches' answers and the last watch events are still on their way to the controller.
        await asyncio.sleep(min(1.0, options.settle))
        figures |= {
            "objects_per_second": options.objects / seconds,
            "cpu_ms": (program.cpu - cpu) / options.objects * 1e3,
            "p50_ms": percentile(waits, 0.5) * 1e3,
            "p99_ms": percentile(waits, 0.99) * 1e3,
        }
        await asyncio.sleep(options.settle)
        figures["loaded_mb"] = program.rss
        more = options.cached - options.objects
        if more > 0:
            await in_parallel(more, lambda index: load.create(f"more-{index}", annotated=True))
            await watcher.until(options.cached + 1, 120 + more / 20)
            await asyncio.sleep(options.settle)
            figures["cached_mb"] = program.rss
        watching.cancel()
    return figures


async def one_restart(plane: ControlPlane, api: Api, options: argparse.Namespace, peer: str, loaded: bool) -> dict:
    """Lists and watches after the API server was killed and started again."""
    namespace = f"{peer}-{'busy' if loaded else 'idle'}"
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    load, watcher = Load(api, namespace), Watcher(api, namespace)
    async with asyncio.TaskGroup() as group, running(peer, plane.kubeconfig, namespace):
        watching = group.create_task(watcher.run())
        await load.create("warm")
        await watcher.until(1, 60)
        count = options.objects if loaded else 1
        own = watcher.opened

        async def create_all() -> None:
            await in_parallel(count, lambda index: load.create(f"object-{index}"))

        if loaded:
            creating = group.create_task(create_all())
            await watcher.until(1 + count // 3, 300)
            await asyncio.to_thread(plane.restart_api_server)
            await creating
        else:
            await asyncio.to_thread(plane.restart_api_server)
            await create_all()
        began = time.perf_counter()
        await watcher.until(1 + count, 300)
        late = time.perf_counter() - began
        watching.cancel()
        await asyncio.wait([watching])
        await asyncio.sleep(options.settle)
        lists, watches = await lists_and_watches(api)
    # The new API server counts from nothing, the benchmark's own watches too.
    watches -= watcher.opened - own
    return {"peer": peer, "loaded": loaded, "lists": lists, "watches": watches, "late_s": late}


def show(figures: dict) -> str:
    if "lists" in figures:
        when = "in the middle of the creates" if figures["loaded"] else "while idle"
        return (
            f"{figures['peer']}, API server killed {when}: {figures['lists']} lists and {figures['watches']} watches after it,"
            f" all annotated {figures['late_s']:.1f} s after the last create"
        )
    cached = f" / {figures['cached_mb']:.0f}" if "cached_mb" in figures else ""
    return (
        f"{figures['peer']:<18} round {figures['round']}: {figures['objects_per_second']:.0f} objects/s,"
        f" p50 {figures['p50_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms, CPU {figures['cpu_ms']:.2f} ms each,"
        f" memory {figures['idle_mb']:.0f} / {figures['loaded_mb']:.0f}{cached} MB"
    )


async def measure(options: argparse.Namespace) -> int:
    with running_control_plane() as plane:
        await measure_on(plane, options)
    return 0


async def measure_on(plane: ControlPlane, options: argparse.Namespace) -> None:
    async with api_session(plane) as api:
        for number in range(options.rounds):
            for peer in options.peer:
                report(options, await one_run(plane, api, options, peer, number))
        for peer in options.peer if options.restarts else ():
            for loaded in (False, True):
                report(options, await one_restart(plane, api, options, peer, loaded))


def report(options: argparse.Namespace, figures: dict) -> None:
    print(json.dumps(figures) if options.json else show(figures), flush=True)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks controllers", description=__doc__)
    parser.add_argument("--peer", choices=PEERS, action="append", help="one program only; repeat for several")
    parser.add_argument("--objects", type=int, default=3000, help="ConfigMaps that are annotated")
    parser.add_argument("--cached", type=int, default=13000, help="ConfigMaps at the end; 0 adds none")
    parser.add_argument("--rounds", type=int, default=1, help="how often each program runs, in turn")
    parser.add_argument("--restarts", action="store_true", help="count lists after restarts of the API server, too")
    parser.add_argument("--settle", type=float, default=SETTLE, help="seconds of rest before memory is read")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    options.peer = options.peer or list(PEERS)
    return options


def main(arguments: Sequence[str]) -> int:
    return asyncio.run(measure(parsed(arguments)))
