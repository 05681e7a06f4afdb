"""What threads do while the event loop is blocked: real time, real processes, short deadlines."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from reconcile.loopmonitor import LoopMonitor
from reconcile.metrics import LoopMetrics
from reconcile.watchdog import Watchdog


def _blocks(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_the_action_runs_once_when_it_is_not_fed() -> None:
    acted: list[str] = []
    done = threading.Event()

    def act(message: str) -> None:
        acted.append(message)
        done.set()

    dog = Watchdog("late", act)
    dog.feed(0.3)
    for _ in range(3):
        assert not done.wait(0.1)
        dog.feed(0.3)
    assert done.wait(2)
    assert acted == ["late"]
    dog.feed(30)
    dog.disarm()


def test_a_shorter_deadline_is_noticed_and_disarm_ends_the_thread() -> None:
    done = threading.Event()
    dog = Watchdog("late", lambda _: done.set())
    dog.feed(60)
    dog.feed(0.05)
    assert done.wait(2)
    dog.feed(0.05)
    dog.disarm()
    done.clear()
    assert not done.wait(0.2)
    assert "reconcile-watchdog" not in [thread.name for thread in threading.enumerate()]


def test_whoever_checks_while_the_thread_acts_acts_too() -> None:
    acted: list[str] = []
    begun, done = threading.Event(), threading.Event()

    def act(_: str) -> None:
        acted.append(threading.current_thread().name)
        begun.set()
        if threading.current_thread() is not threading.main_thread():
            done.wait(10)

    dog = Watchdog("late", act)
    dog.feed(0.01)
    assert begun.wait(2)
    dog.check()
    done.set()
    dog.disarm()
    dog.check()
    assert acted == ["reconcile-watchdog", "MainThread"]


async def test_a_callback_that_blocks_the_loop_is_reported_with_its_stack() -> None:
    stacks: list[str] = []
    registry = CollectorRegistry()
    monitor = LoopMonitor(LoopMetrics(registry), interval=0.05, threshold=0.1, report=stacks.append)
    task = asyncio.create_task(monitor.run())
    await asyncio.sleep(0.1)
    _blocks(0.5)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert len(stacks) == 1
    assert "_blocks" in stacks[0]
    assert registry.get_sample_value("reconcile_event_loop_blocked_total") == 1
    assert (registry.get_sample_value("reconcile_event_loop_lag_max_seconds") or 0) > 0.2


_LEADER = """
    import asyncio, sys, time
    from reconcile import Client
    from reconcile.leaderelection import LeaderElector
    from reconcile.testing.apiserver.server import ApiServer

    async def main():
        async with ApiServer(listen=False) as server:
            elector = LeaderElector(Client(server.transport), "lock", "default", "me",
                                    lease_duration=1.2, renew_deadline=0.8, retry_period=0.2)
            task = asyncio.create_task(elector.run())
            await elector.leading.wait()
            await asyncio.sleep(0.5)
            print("leading", flush=True)
            {then}

    asyncio.run(main())
"""


@contextmanager
def _running(program: str, first_line: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program that has printed its first line; it never outlives the block."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{first_line}\n"
            yield process
        finally:
            process.kill()


def _ready(descriptor: int) -> list[int]:
    return select.select([descriptor], [], [], 0)[0]


def _leader(then: str) -> str:
    return _LEADER.replace("{then}", then)


def test_a_leader_whose_loop_hangs_is_ended() -> None:
    with _running(_leader("time.sleep(60)"), "leading") as process:
        begin = time.monotonic()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert time.monotonic() - begin < 5
    assert "was not renewed in time; ending the process" in errors


def test_a_leader_that_was_frozen_ends_when_it_wakes() -> None:
    with _running(_leader("await asyncio.sleep(60)"), "leading") as process:
        os.kill(process.pid, signal.SIGSTOP)
        threading.Event().wait(1.5)
        os.kill(process.pid, signal.SIGCONT)
        begin = time.monotonic()
        process.communicate(timeout=20)
    assert process.returncode == 1
    assert time.monotonic() - begin < 2


_FROZEN = """
    import asyncio, os, signal
    from reconcile import Client, LeaderElection, Manager
    from reconcile.testing.apiserver.server import ApiServer

    class Tick:
        async def run(self):
            while True:
                print("tick", flush=True)
                await asyncio.sleep(0.001)

    async def main():
        async with ApiServer(listen=False) as server:
            lease = LeaderElection("lock", "default", lease_duration=1.2, renew_deadline=0.8, retry_period=0.2)
            manager = Manager(Client(server.transport), leader_election=lease)
            manager.add(Tick(), needs_leader=True)
            await manager.run()

    asyncio.run(main())
"""


def test_a_managed_leader_that_was_frozen_does_nothing_more() -> None:
    with _running(_FROZEN, "tick") as process:
        os.kill(process.pid, signal.SIGSTOP)
        threading.Event().wait(0.2)
        assert process.stdout is not None
        while _ready(process.stdout.fileno()):
            os.read(process.stdout.fileno(), 65536)
        threading.Event().wait(1.3)
        os.kill(process.pid, signal.SIGCONT)
        written = os.read(process.stdout.fileno(), 65536)
        assert process.wait(20) == 1
    assert written == b""


_MANAGED = """
    import asyncio
    from reconcile import Client, Controller, Manager
    from reconcile.api.core_v1 import ConfigMap
    from reconcile.api.meta_v1 import ObjectMeta
    from reconcile.testing.apiserver.server import ApiServer

    async def slow(request):
        print("working", flush=True)
        await asyncio.sleep({seconds})
        print("finished", flush=True)

    async def main():
        async with ApiServer(listen=False) as server:
            client = Client(server.transport)
            await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
            manager = Manager(client)
            manager.add(Controller(ConfigMap, slow, workers=1))
            await manager.run()
        print("stopped", flush=True)

    asyncio.run(main())
"""


def _managed(seconds: float) -> str:
    return _MANAGED.replace("{seconds}", str(seconds))


def test_sigterm_drains_and_ends_with_0() -> None:
    with _running(_managed(0.5), "working") as process:
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "finished\nstopped\n", "")


def test_a_second_signal_ends_at_once_with_1() -> None:
    with _running(_managed(60), "working") as process:
        process.send_signal(signal.SIGINT)
        threading.Event().wait(0.3)
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (1, "")
    assert time.monotonic() - begin < 2
