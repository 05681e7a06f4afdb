"""Replicas share keys, hand them over without overlap, and lose none. Embedded API server, virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from reconcile.api.coordination_v1 import Lease
from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.request import Request
from reconcile.client import Client, MergePatch
from reconcile.controller import Controller
from reconcile.errors import LeaderLostError
from reconcile.manager import Manager
from reconcile.sharding import Sharding, ShardMember, owner_of
from reconcile.testing.apiserver.server import ApiServer
from reconcile.testing.loop import run

KEYS = [Request("default", f"key-{number}") for number in range(300)]


def _now() -> float:
    return asyncio.get_running_loop().time()


class Fence:
    def __init__(self) -> None:
        self.until = 0.0

    def feed(self, seconds: float) -> None:
        self.until = _now() + seconds

    def check(self) -> None:
        pass

    def disarm(self) -> None:
        pass


def test_keys_spread_evenly_and_only_those_of_a_leaver_move() -> None:
    three = ("a", "b", "c")
    owners = {key: owner_of(three, key) for key in KEYS}
    assert all(60 < count < 140 for count in Counter(owners.values()).values())
    for key in KEYS:
        assert owner_of(("a", "b"), key) == (owners[key] if owners[key] != "c" else owner_of(("a", "b"), key))
        if owners[key] != "c":
            assert owner_of(("a", "b"), key) == owners[key]
    assert owner_of((), KEYS[0]) is None


class Replica:
    """A member that works on its keys for some seconds each, in turn."""

    def __init__(self, server: ApiServer, name: str, working: dict[Request, Replica]) -> None:
        self.name = name
        self.fence = Fence()
        self.busy: set[Request] = set()
        self.taken: Counter[Request] = Counter()
        self.gained = 0
        self.connected = asyncio.Event()
        self.connected.set()
        self._working = working
        self.member = ShardMember(
            Client(Link(server, self.connected)),
            Sharding("team", "default"),
            name,
            busy=lambda: self.busy,
            gained=self._on_gain,
            fence=self.fence,
        )
        self.task = asyncio.create_task(self._run())

    @property
    def alive(self) -> bool:
        return _now() < self.fence.until and not self.task.done()

    def _on_gain(self, is_new: Any) -> None:
        self.gained += sum(1 for key in KEYS if self.member.owns(key) and is_new(key))

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(self._work(seed)) for seed in range(4)]
            try:
                await self.member.run()
            finally:
                for task in work:
                    task.cancel()

    async def _work(self, seed: int) -> None:
        dice = random.Random(f"{self.name}{seed}")
        while True:
            key = dice.choice(KEYS)
            if key in self.busy or not self.member.owns(key) or not self.alive:
                await asyncio.sleep(0.01)
                continue
            other = self._working.get(key)
            assert other is None or not other.alive, f"{self.name} and {other.name} both work on {key}"
            self._working[key] = self
            self.busy.add(key)
            try:
                await asyncio.sleep(dice.uniform(0.1, 3))
            finally:
                self.busy.discard(key)
                if self._working.get(key) is self:
                    del self._working[key]
            self.taken[key] += 1

    async def end(self) -> None:
        self.connected.set()
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            try:
                await self.task
            except* LeaderLostError:
                pass


class Link:
    """A way to the server that can be cut."""

    host = "link"

    def __init__(self, server: ApiServer, connected: asyncio.Event) -> None:
        self._inner = server.transport
        self._connected = connected

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        await self._connected.wait()
        return await self._inner.request(*args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner.stream(*args, **kwargs)

    async def close(self) -> None:
        pass


def _covered(replicas: list[Replica]) -> int:
    return sum(1 for key in KEYS if sum(replica.member.owns(key) for replica in replicas) == 1)


def test_members_share_all_keys_and_a_newcomer_and_a_leaver_move_only_some() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            working: dict[Request, Replica] = {}
            first = Replica(server, "a", working)
            await asyncio.sleep(3)
            assert (first.member.members, _covered([first])) == (("a",), len(KEYS))
            second, third = Replica(server, "b", working), Replica(server, "c", working)
            await asyncio.sleep(30)
            replicas = [first, second, third]
            assert all(replica.member.members == ("a", "b", "c") for replica in replicas)
            assert _covered(replicas) == len(KEYS)
            gained = second.gained
            await third.end()
            await asyncio.sleep(30)
            assert _covered([first, second]) == len(KEYS)
            assert 0 < second.gained - gained < 100
            for replica in (first, second):
                await replica.end()
            assert not (await Client(server.transport).list(Lease, "default")).items

    run(main())


def test_the_keys_of_a_dead_member_are_taken_after_its_lease_ran_out() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            working: dict[Request, Replica] = {}
            first, second = Replica(server, "a", working), Replica(server, "b", working)
            await asyncio.sleep(20)
            assert _covered([first, second]) == len(KEYS)
            second.connected.clear()
            await asyncio.sleep(10.5)
            assert not any(second.member.owns(key) for key in KEYS) or second.task.done()
            await asyncio.sleep(12)
            assert first.member.members == ("a",)
            assert _covered([first]) == len(KEYS)
            await asyncio.sleep(200)
            names = [
                lease.spec.holder_identity for lease in (await Client(server.transport).list(Lease, "default")).items
            ]
            assert names == ["a"]
            for replica in (first, second):
                await replica.end()

    run(main())


@pytest.mark.parametrize("seed", range(6))
def test_under_random_joins_leaves_and_partitions_no_key_is_worked_on_twice(seed: int) -> None:
    """The workers themselves assert it, each time they take a key."""

    async def main() -> None:
        dice = random.Random(seed)
        async with ApiServer(listen=False) as server:
            working: dict[Request, Replica] = {}
            replicas = [Replica(server, f"r{number}", working) for number in range(3)]
            everyone = list(replicas)
            for step in range(200):
                await asyncio.sleep(1)
                for replica in list(replicas):
                    if dice.random() < 0.05:
                        (replica.connected.clear if dice.random() < 0.4 else replica.connected.set)()
                    if replica.task.done() or dice.random() < 0.01:
                        await replica.end()
                        replicas.remove(replica)
                if len(replicas) < 2 or (len(replicas) < 4 and dice.random() < 0.03):
                    replicas.append(Replica(server, f"s{step}", working))
                    everyone.append(replicas[-1])
            for replica in replicas:
                replica.connected.set()
            await asyncio.sleep(60)
            living = [replica for replica in replicas if not replica.task.done()]
            assert _covered(living) == len(KEYS)
            for replica in replicas:
                await replica.end()
        assert sum(sum(replica.taken.values()) for replica in everyone) > 300

    run(main())


def test_managers_share_the_objects_and_none_is_forgotten_when_one_leaves() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            user = Client(server.transport)
            runs: list[tuple[str, str]] = []
            managers = []
            for name in ("a", "b"):

                def reconciler(name: str) -> Any:
                    async def note(request: Request) -> None:
                        await asyncio.sleep(0.1)
                        runs.append((name, request.name))

                    return note

                manager = Manager(
                    Client(server.transport),
                    namespace="shared",
                    sharding=Sharding("group", "default", identity=name),
                    handle_signals=False,
                    blocked_threshold=None,
                    fence=Fence(),
                )
                manager.add(Controller(ConfigMap, reconciler(name)))
                managers.append(manager)
            await user.raw("POST", "/api/v1/namespaces", body={"metadata": {"name": "shared"}})
            tasks = [asyncio.create_task(manager.run()) for manager in managers]
            await asyncio.sleep(10)
            runs.clear()
            names = [f"object-{number}" for number in range(40)]
            for name in names:
                await user.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="shared")))
            await asyncio.sleep(5)
            assert sorted(name for _, name in runs if name in names) == sorted(names)
            assert {by for by, _ in runs} == {"a", "b"}
            owned_by_b = sorted(name for by, name in runs if by == "b" and name in names)
            runs.clear()
            managers[1].stop()
            await tasks[1]
            await asyncio.sleep(10)
            assert sorted(name for by, name in runs if by == "a" and name in names) == owned_by_b
            runs.clear()
            for name in names:
                await user.patch(ConfigMap, name, "shared", MergePatch({"data": {"k": "v"}}))
            await asyncio.sleep(5)
            assert sorted(name for _, name in runs) == sorted(names)
            managers[0].stop()
            await tasks[0]

    run(main())
