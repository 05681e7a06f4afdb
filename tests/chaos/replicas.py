"""Replicas of the operator as processes that are killed, frozen and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.support.controlplane import ROOT, free_ports

__all__ = ["ELECTION", "Replica", "Replicas"]

ELECTION = (
    "--enable-leader-election",
    "--leader-election-lease-duration=10s",
    "--leader-election-renew-deadline=8s",
    "--leader-election-retry-period=1s",
)
_LEADS = 'leader_election_master_status{name="external-secrets-controller"} 1'


@dataclass
class Replica:
    """One process."""

    process: asyncio.subprocess.Process
    metrics: int

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.returncode is None

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.alive:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as a node that fails does."""
        self.signal(signal.SIGKILL)
        await self.process.wait()

    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Replicas:
    """All replicas; those that end are started again, as a Deployment does.

    Args:
        kubeconfig: where they find the API server.
        folder: of their logs.
        flags: besides the addresses.
        clock: file with the seconds by which their wall clocks are off; None leaves them alone.

    Attributes:
        kills: processes that were killed.
        deaths: exit codes of those that ended by themselves.
    """

    kubeconfig: Path
    folder: Path
    flags: tuple[str, ...] = ELECTION
    clock: Path | None = None
    running: list[Replica] = field(default_factory=list)
    kills: int = 0
    deaths: list[int] = field(default_factory=list)

    async def start(self) -> Replica:
        """One more."""
        metrics, health = free_ports(2)
        program = ("eso",) if self.clock is None else ("tests.chaos.clocked", str(self.clock))
        command = (sys.executable, "-m", *program, "controller")
        with (self.folder / "operator.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                f"--metrics-addr=127.0.0.1:{metrics}",
                f"--live-addr=127.0.0.1:{health}",
                *self.flags,
                cwd=ROOT,
                env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
                stdout=log,
                stderr=log,
            )
        replica = Replica(process, metrics)
        self.running.append(replica)
        return replica

    async def kill(self, replica: Replica) -> None:
        """Kill one; a new one takes its place."""
        self.running.remove(replica)
        await replica.kill()
        self.kills += 1
        await self.start()

    @contextlib.asynccontextmanager
    async def kept(self, count: int) -> AsyncIterator[None]:
        """So many, those that end are replaced; all are stopped at the end."""
        for _ in range(count):
            await self.start()
        task = asyncio.create_task(self._tend())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self.stop()

    async def _tend(self) -> None:
        """Replace those that ended by themselves: a leader that has lost its lease does that."""
        while True:
            for replica in [replica for replica in self.running if not replica.alive]:
                self.deaths.append(replica.process.returncode or 0)
                self.running.remove(replica)
                await self.start()
            await asyncio.sleep(0.5)

    async def leader(self) -> Replica | None:
        """The one that says it leads."""
        for replica in self.running:
            if replica.alive and await self._is_leader(replica):
                return replica
        return None

    async def _is_leader(self, replica: Replica) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
                session.get(f"http://127.0.0.1:{replica.metrics}/metrics") as answer,
            ):
                return _LEADS in await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def stop(self) -> None:
        """End all, frozen ones too."""
        for replica in self.running:
            replica.signal(signal.SIGCONT)
            replica.signal(signal.SIGTERM)
        for replica in self.running:
            try:
                await asyncio.wait_for(replica.process.wait(), 20)
            except TimeoutError:
                await replica.kill()
        self.running.clear()

    def logs(self) -> str:
        """What all have written."""
        return (self.folder / "operator.log").read_text(errors="replace")
