"""Three processes, a network that can be cut, and processes that freeze: never two at work on the same thing."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import yaml

from reconcile import Client, load_config
from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from tests.support.replica import LEASE, RETRY, Stamp, read_stamps
from tests.support.tcpproxy import TcpProxy

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
_NAMES = itertools.count(1)
_SLACK = 2.0
"""Seconds that a busy machine may take on top of what the leases allow."""


class Replicas:
    """Processes, each behind a network connection of its own."""

    def __init__(self, mode: str, kubeconfig: Path, namespace: str, folder: Path, stack: AsyncExitStack) -> None:
        self._mode = mode
        self._config = yaml.safe_load(kubeconfig.read_text())
        self._namespace = namespace
        self._folder = folder
        self._stack = stack
        self.stamps = folder / "stamps"
        self.stamps.touch()
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        self.networks: dict[int, TcpProxy] = {}

    async def start(self) -> int:
        """One more replica; its process id."""
        server = urlsplit(self._config["clusters"][0]["cluster"]["server"])
        assert server.hostname is not None
        assert server.port is not None
        proxy = await self._stack.enter_async_context(TcpProxy(server.hostname, server.port))
        cluster = {**self._config["clusters"][0]["cluster"], "server": f"{server.scheme}://127.0.0.1:{proxy.port}"}
        file = self._folder / f"kubeconfig-{proxy.port}"
        file.write_text(
            yaml.safe_dump({**self._config, "clusters": [{**self._config["clusters"][0], "cluster": cluster}]})
        )
        with (self._folder / f"replica-{proxy.port}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.support.replica", self._mode, str(file), self._namespace, str(self.stamps)),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
                stderr=log,
            )
        self._stack.push_async_callback(self._end, process)
        self.processes[process.pid] = process
        self.networks[process.pid] = proxy
        return process.pid

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def tell(self) -> None:
        """Print what the replicas wrote."""
        for log in sorted(self._folder.glob("replica-*.log")):
            print(log.name, log.read_text(), sep="\n")

    def read(self) -> list[Stamp]:
        return read_stamps(self.stamps)

    def working_since(self, moment: float) -> set[int]:
        return {stamp.pid for stamp in self.read() if stamp.at > moment}

    async def hit(self, pid: int, trouble: str) -> None:
        """Something happens to a replica."""
        match trouble:
            case "partition":
                self.networks[pid].open.clear()
            case "freeze":
                self.processes[pid].send_signal(signal.SIGSTOP)
            case "block":
                self.processes[pid].send_signal(signal.SIGUSR1)
            case "kill":
                self.processes[pid].send_signal(signal.SIGKILL)
            case "leave":
                self.processes[pid].send_signal(signal.SIGTERM)

    async def gone(self, pid: int, trouble: str) -> None:
        """It is over with that replica; one that was frozen wakes up first."""
        if trouble == "freeze":
            self.processes[pid].send_signal(signal.SIGCONT)
        await asyncio.wait_for(self.processes[pid].wait(), LEASE + 10)


@asynccontextmanager
async def _replicas(mode: str, kubeconfig: Path, folder: Path, objects: int) -> AsyncIterator[Replicas]:
    namespace = f"replicas-{next(_NAMES)}"
    async with AsyncExitStack() as stack, Client(load_config(str(kubeconfig))) as user:
        await user.raw("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
        for number in range(objects):
            await user.create(ConfigMap(metadata=ObjectMeta(name=f"object-{number}", namespace=namespace)))
        replicas = Replicas(mode, kubeconfig, namespace, folder, stack)
        try:
            yield replicas
        except BaseException:
            replicas.tell()
            raise


@pytest_asyncio.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.controlplane)])
async def kubeconfig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path]:
    if request.param == "real":
        yield request.getfixturevalue("control_plane").kubeconfig
        return
    async with ApiServer() as server:
        path = tmp_path / "kubeconfig"
        server.write_kubeconfig(str(path))
        yield path


def blocks(stamps: list[Stamp]) -> list[int]:
    """Who worked, one after the other."""
    return [pid for pid, _ in itertools.groupby(stamp.pid for stamp in stamps)]


@pytest.mark.parametrize("troubles", [("partition", "freeze"), ("block", "kill"), ("freeze", "leave")], ids="-".join)
async def test_one_leader_at_a_time_whatever_happens_to_it(
    kubeconfig: Path, tmp_path: Path, troubles: tuple[str, str]
) -> None:
    async with _replicas("leader", kubeconfig, tmp_path, objects=3) as replicas:
        for _ in range(3):
            await replicas.start()
        await eventually(lambda: len(replicas.read()) > 20, timeout=40)
        for trouble in troubles:
            (leader,) = replicas.working_since(time.monotonic() - 0.5)
            began = time.monotonic()
            await replicas.hit(leader, trouble)
            await eventually(lambda: replicas.read()[-1].pid != leader, timeout=LEASE * 4)  # noqa: B023 - awaited here
            first = next(stamp.at for stamp in replicas.read() if stamp.at > began and stamp.pid != leader)
            allowed = 0.0 if trouble == "leave" else LEASE
            assert first - began < allowed + 2 * RETRY + _SLACK
            await replicas.gone(leader, trouble)
            await asyncio.sleep(0.5)
        order = blocks(replicas.read())
        # Each led once, and nobody did anything once somebody else had begun.
        assert len(order) == len(set(order)) == 3


async def test_a_key_has_one_owner_at_a_time_while_replicas_come_and_go(kubeconfig: Path, tmp_path: Path) -> None:
    async with _replicas("sharding", kubeconfig, tmp_path, objects=12) as replicas:
        first, second = await replicas.start(), await replicas.start()

        async def all_worked_on_by(*pids: int) -> None:
            moment = time.monotonic()

            def shared() -> bool:
                recent = [stamp for stamp in replicas.read() if stamp.at > moment]
                return {s.pid for s in recent[-120:]} == set(pids) and len({s.key for s in recent[-120:]}) == 12

            await eventually(shared, timeout=40)

        await all_worked_on_by(first, second)
        third = await replicas.start()
        await all_worked_on_by(first, second, third)
        await replicas.hit(first, "freeze")
        await all_worked_on_by(second, third)
        await replicas.gone(first, "freeze")
        await replicas.hit(second, "partition")
        await all_worked_on_by(third)
        await replicas.gone(second, "partition")
        fourth = await replicas.start()
        await all_worked_on_by(third, fourth)
        await replicas.hit(third, "leave")
        await all_worked_on_by(fourth)
        by_key: dict[str, list[Stamp]] = defaultdict(list)
        for stamp in replicas.read():
            by_key[stamp.key].append(stamp)
        assert len(by_key) == 12
        for key, stamps in by_key.items():
            # A key moves on from replica to replica and, here, never back: two at once would take turns.
            order = blocks(stamps)
            assert len(order) == len(set(order)), key
