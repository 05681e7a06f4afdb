"""Three replicas, partitions, frozen leaders: never two at work, take-over in time. Virtual time, embedded API server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from prometheus_client import CollectorRegistry

from reconcile.api.coordination_v1 import Lease
from reconcile.api.core_v1 import Event
from reconcile.client import Client, MergePatch
from reconcile.errors import LeaderLostError
from reconcile.events import EventRecorder
from reconcile.leaderelection import LeaderElector, default_identity
from reconcile.metrics import LeaderElectionMetrics
from reconcile.testing.apiserver.inprocess import InProcessTransport
from reconcile.testing.apiserver.server import ApiServer
from reconcile.testing.loop import run


def _now() -> float:
    return asyncio.get_running_loop().time()


class TestFence:
    """Remembers until when this process may work."""

    __test__ = False

    def __init__(self) -> None:
        self.until = 0.0
        self.armed = False

    def feed(self, seconds: float) -> None:
        self.until = _now() + seconds
        self.armed = True

    def check(self) -> None:
        pass

    def disarm(self) -> None:
        self.armed = False


class Partition(InProcessTransport):
    """A way to the server that can be cut, or slowed down."""

    def __init__(self, transport: InProcessTransport) -> None:
        self._inner = transport
        self.connected = asyncio.Event()
        self.connected.set()

    @property
    def host(self) -> str:
        return "partition"

    async def request(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        await self.connected.wait()
        return await self._inner.request(*args, **kwargs)


class Replica:
    def __init__(self, server: ApiServer, name: str, **options: float) -> None:
        self.fence = TestFence()
        self.link = Partition(server.transport)
        self.registry = CollectorRegistry()
        self.elector = LeaderElector(
            Client(self.link),
            "lock",
            "default",
            name,
            fence=self.fence,
            metrics=LeaderElectionMetrics(self.registry),
            **options,  # type: ignore[arg-type]
        )
        self.task = asyncio.create_task(self.elector.run())

    @property
    def leads(self) -> bool:
        return self.elector.leading.is_set()

    @property
    def status(self) -> float | None:
        return self.registry.get_sample_value("leader_election_master_status", {"name": "lock"})

    async def end(self) -> None:
        self.task.cancel()
        self.link.connected.set()
        with suppress(asyncio.CancelledError, LeaderLostError):
            await self.task


@asynccontextmanager
async def _replicas(server: ApiServer, *names: str) -> AsyncIterator[list[Replica]]:
    replicas = [Replica(server, name) for name in names]
    try:
        yield replicas
    finally:
        for replica in replicas:
            await replica.end()


async def _leader(replicas: list[Replica], within: float) -> Replica:
    async with asyncio.timeout(within):
        while not any(replica.leads for replica in replicas):  # noqa: ASYNC110 - any of several
            await asyncio.sleep(0.1)
    (leader,) = [replica for replica in replicas if replica.leads]
    return leader


def test_one_of_three_leads_and_the_others_know_who() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a", "b", "c") as replicas:
            leader = await _leader(replicas, 1)
            await asyncio.sleep(60)
            assert [replica for replica in replicas if replica.leads] == [leader]
            assert {replica.elector.leader for replica in replicas} == {leader.elector.identity}
            assert [replica.status for replica in replicas] == [1.0 if r is leader else 0.0 for r in replicas]
            lease = await Client(server.transport).get(Lease, "lock", "default")
            assert lease.spec.holder_identity == leader.elector.identity
            assert (lease.spec.lease_duration_seconds, lease.spec.lease_transitions) == (15, 0)

    run(main())


def test_a_clean_exit_hands_the_lease_over_at_once() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a", "b") as replicas:
            leader = await _leader(replicas, 1)
            (other,) = [replica for replica in replicas if replica is not leader]
            await leader.end()
            assert (leader.status, leader.fence.armed) == (0.0, False)
            assert await _leader([other], 5) is other
            lease = await Client(server.transport).get(Lease, "lock", "default")
            assert lease.spec.lease_transitions == 1

    run(main())


def test_without_release_the_successor_waits_for_the_lease_to_run_out() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            first = Replica(server, "a", release_on_exit=False)
            await _leader([first], 1)
            second = Replica(server, "b")
            await asyncio.sleep(5)
            await first.end()
            ended = _now()
            await _leader([second], 30)
            assert 10 < _now() - ended <= 15 + 4.4 + 0.4
            await second.end()

    run(main())


def test_a_partitioned_leader_has_stopped_before_another_one_starts() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a", "b", "c") as replicas:
            leader = await _leader(replicas, 1)
            others = [replica for replica in replicas if replica is not leader]
            await asyncio.sleep(7)
            leader.link.connected.clear()
            cut = _now()
            with pytest.raises(LeaderLostError, match="could not be renewed"):
                await leader.task
            gave_up = _now()
            assert gave_up - cut <= 10
            assert not leader.leads
            await _leader(others, 20)
            taken = _now()
            # Taken within its duration after it was last seen renewed, and after the fence would have ended the process.
            assert leader.fence.until < taken <= cut + 15 + 4.4 + 0.4
            assert leader.fence.armed
            leader.elector.close()
            assert not leader.fence.armed

    run(main())


@pytest.mark.parametrize("seed", range(20))
def test_under_random_partitions_never_two_at_work(seed: int) -> None:
    """Ten minutes of links that come and go, and of processes that end and start again."""

    async def main() -> None:
        dice = random.Random(seed)
        led = 0
        async with ApiServer(listen=False) as server:
            replicas = [Replica(server, f"{number}-0") for number in range(3)]
            born = 3
            for _ in range(3000):
                await asyncio.sleep(0.2)
                working = [replica for replica in replicas if replica.leads and _now() < replica.fence.until]
                assert len(working) <= 1
                led += len(working)
                for position, replica in enumerate(replicas):
                    if dice.random() < 0.02:
                        (replica.link.connected.clear if dice.random() < 0.5 else replica.link.connected.set)()
                    if replica.task.done() or dice.random() < 0.002:
                        await replica.end()
                        replicas[position] = Replica(server, f"{position}-{born}")
                        born += 1
            for replica in replicas:
                await replica.end()
        assert led > 500

    run(main())


def test_a_short_outage_does_not_cost_the_lease() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a", "b") as replicas:
            leader = await _leader(replicas, 1)
            for _ in range(10):
                leader.link.connected.clear()
                await asyncio.sleep(7)
                leader.link.connected.set()
                await asyncio.sleep(3)
            assert [replica for replica in replicas if replica.leads] == [leader]

    run(main())


def test_errors_of_the_server_are_survived_until_the_deadline() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a") as replicas:
            leader = await _leader(replicas, 1)
            fault = server.faults.add(lambda request: "leases" in request.path, status=503)
            await asyncio.sleep(7)
            server.faults.remove(fault)
            await asyncio.sleep(20)
            assert leader.leads
            server.faults.add(lambda request: "leases" in request.path, status=503)
            with pytest.raises(LeaderLostError):
                await leader.task

    run(main())


def test_a_foreign_change_of_labels_does_not_cost_the_lease() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a", "b") as replicas:
            leader = await _leader(replicas, 1)
            client = Client(server.transport)
            for number in range(5):
                patch = MergePatch({"metadata": {"labels": {"round": str(number)}}})
                await client.patch(Lease, "lock", "default", patch)
                await asyncio.sleep(4)
            assert leader.leads
            lease = await client.get(Lease, "lock", "default")
            assert lease.metadata.labels == {"round": "4"}

    run(main())


@pytest.mark.parametrize("how", ["taken", "deleted"])
def test_a_lease_that_is_taken_or_deleted_is_lost_at_once(how: str) -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a") as replicas:
            leader = await _leader(replicas, 1)
            client = Client(server.transport)
            if how == "taken":
                await client.patch(Lease, "lock", "default", MergePatch({"spec": {"holderIdentity": "thief"}}))
            else:
                await client.delete(Lease, "lock", "default")
            start = _now()
            with pytest.raises(LeaderLostError):
                await leader.task
            assert _now() - start <= 3

    run(main())


def test_a_standby_that_is_cancelled_leaves_nothing() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server, _replicas(server, "a", "b") as replicas:
            leader = await _leader(replicas, 1)
            (other,) = [replica for replica in replicas if replica is not leader]
            await asyncio.sleep(5)
            await other.end()
            assert not other.fence.armed
            lease = await Client(server.transport).get(Lease, "lock", "default")
            assert lease.spec.holder_identity == leader.elector.identity

    run(main())


def test_events_on_the_lease_name_the_leader() -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            client = Client(server.transport)
            recorder = EventRecorder(client, "leader-election")
            writer = asyncio.create_task(recorder.run())
            elector = LeaderElector(client, "lock", "default", "me", fence=TestFence(), recorder=recorder)
            task = asyncio.create_task(elector.run())
            await elector.leading.wait()
            task.cancel()
            await asyncio.wait([task])
            recorder.close()
            await writer
            events = await client.list(Event, "default")
            assert sorted((event.involved_object.kind, event.reason, event.message) for event in events.items) == [
                ("Lease", "LeaderElection", "me became leader"),
                ("Lease", "LeaderElection", "me stopped leading"),
            ]

    run(main())


@pytest.mark.parametrize("durations", [(10, 10, 2), (15, 2, 2), (15, 10, 0)])
def test_durations_that_leave_no_time_to_stop_are_refused(durations: tuple[float, float, float]) -> None:
    async def main() -> None:
        async with ApiServer(listen=False) as server:
            duration, deadline, retry = durations
            with pytest.raises(ValueError, match="lease_duration"):
                LeaderElector(
                    Client(server.transport),
                    "lock",
                    "default",
                    lease_duration=duration,
                    renew_deadline=deadline,
                    retry_period=retry,
                )

    run(main())


def test_identities_never_repeat() -> None:
    one, other = default_identity(), default_identity()
    assert one != other
    assert one.partition("_")[0] == other.partition("_")[0]
