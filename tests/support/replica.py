"""A replica of a small operator as a process of its own, which stamps everything it does into a file shared by all.

`python -m tests.support.replica leader|sharding KUBECONFIG NAMESPACE STAMPS` runs one; the tests start several and read the stamps.
SIGUSR1 blocks its event loop for good.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from reconcile import Client, Controller, LeaderElection, Manager, Request, Result, load_config
from reconcile.api.core_v1 import ConfigMap
from reconcile.sharding import Sharding

__all__ = ["LEASE", "RENEW", "RETRY", "Stamp", "read_stamps"]

LEASE, RENEW, RETRY = 4.0, 3.0, 0.4
"""Durations of the leases, in seconds."""

_TICKS = 5
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Stamp:
    """One sign of work.

    Attributes:
        at: seconds of the clock that all processes of a machine share.
        pid: who worked.
        key: on what.
    """

    at: float
    pid: int
    key: str


def read_stamps(path: Path) -> list[Stamp]:
    """All stamps so far, in the order of their times."""
    found = [line.split() for line in path.read_text().splitlines()]
    return sorted((Stamp(float(at), int(pid), key) for at, pid, key in found), key=lambda stamp: stamp.at)


async def _run(mode: str, kubeconfig: str, namespace: str, stamps: str) -> None:
    # Appending so few bytes is atomic.
    file = os.open(stamps, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def work(request: Request) -> Result:
        for _ in range(_TICKS):
            os.write(file, f"{time.monotonic():.6f} {os.getpid()} {request.name}\n".encode())
            await asyncio.sleep(_TICK)
        return Result(requeue_after=0.1)

    election = LeaderElection("replicas", namespace, lease_duration=LEASE, renew_deadline=RENEW, retry_period=RETRY)
    group = Sharding("replicas", namespace, lease_duration=LEASE, renew_deadline=RENEW, retry_period=RETRY)
    manager = Manager(
        Client(load_config(kubeconfig)),
        namespace=namespace,
        leader_election=election if mode == "leader" else None,
        sharding=group if mode == "sharding" else None,
    )
    manager.add(Controller(ConfigMap, work))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _block)
    await manager.run()


def _block() -> None:
    while True:
        pass


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
