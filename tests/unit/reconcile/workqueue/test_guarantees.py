"""What client-go's work queue promises, one test each, on the queue that controllers use: fair, stingy, concurrent, and clean at its end."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.testing.loop import run
from reconcile.workqueue import FairOrder, Priority, QueueShutDownError, WorkQueue

Key = tuple[str, int]


def _tenant(key: Key) -> str:
    return key[0]


def _queue(max_wait: float = 30.0) -> WorkQueue[Key]:
    return WorkQueue[Key](order=FairOrder(tenant=_tenant, max_wait=max_wait))


def test_fair_items_are_processed_in_the_order_in_which_they_were_added() -> None:
    async def main() -> None:
        queue = _queue()
        keys = [("t", number) for number in (3, 1, 2, 5, 4)]
        for key in keys:
            queue.add(key, Priority.EVENT)
        assert [await queue.get() for _ in keys] == keys

    run(main())


def test_stingy_one_item_added_often_is_processed_once_and_never_by_two_at_once() -> None:
    async def main() -> None:
        queue = _queue()
        for _ in range(100):
            queue.add(("t", 1))
        assert len(queue) == 1
        await queue.get()
        for _ in range(100):
            queue.add(("t", 1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await queue.get()
        queue.done(("t", 1))
        assert await queue.get() == ("t", 1)
        queue.done(("t", 1))
        assert len(queue) == 0

    run(main())


def test_an_item_added_while_it_is_processed_is_processed_again() -> None:
    async def main() -> None:
        queue = _queue()
        queue.add(("t", 1))
        await queue.get()
        queue.add(("t", 1), Priority.SPEC)
        queue.add(("t", 2), Priority.PERIODIC)
        queue.done(("t", 1))
        assert await queue.get() == ("t", 1)

    run(main())


def test_many_producers_and_consumers_and_a_shutdown_that_loses_nothing() -> None:
    async def main() -> None:
        queue, added, seen = _queue(), Counter[Key](), Counter[Key]()

        async def produce(tenant: str) -> None:
            for number in range(200):
                queue.add((tenant, number % 20))
                added[tenant, number % 20] += 1
                await asyncio.sleep(0.001)

        async def consume() -> None:
            while True:
                try:
                    key = await queue.get()
                except QueueShutDownError:
                    return
                await asyncio.sleep(0.002)
                seen[key] += 1
                queue.done(key)

        async with asyncio.TaskGroup() as group:
            consumers = [group.create_task(consume()) for _ in range(7)]
            async with asyncio.TaskGroup() as producers:
                for tenant in "abc":
                    producers.create_task(produce(tenant))
            await queue.drain()
            await asyncio.wait(consumers)
        assert seen.keys() == added.keys()
        assert all(seen[key] <= added[key] for key in added)

    run(main())


@settings(max_examples=60, deadline=None)
@given(
    workers=st.integers(1, 4),
    arrivals=st.lists(
        st.tuples(st.floats(0, 0.4), st.sampled_from("abc"), st.sampled_from(list(Priority))), min_size=1, max_size=150
    ),
)
def test_no_key_waits_longer_than_the_bound_and_those_before_it(
    workers: int, arrivals: list[tuple[float, str, Priority]]
) -> None:
    """A run takes 1 s. A key with n older ones before it leaves at most max_wait and 2 (n + 1) runs later, whatever arrives."""
    max_wait, takes = 5.0, 1.0

    async def main() -> None:
        queue, loop = _queue(max_wait), asyncio.get_running_loop()
        latest: dict[Key, float] = {}
        late: list[str] = []

        async def work() -> None:
            while True:
                try:
                    key = await queue.get()
                except QueueShutDownError:
                    return
                if loop.time() > latest[key] + 1e-6:
                    late.append(f"{key} {loop.time() - latest[key]:.3f} s late")
                await asyncio.sleep(takes)
                queue.done(key)

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
            for number, (pause, tenant, priority) in enumerate(arrivals):
                await asyncio.sleep(pause)
                runs = -(-2 * (len(queue) + 1) // workers)
                latest[tenant, number] = loop.time() + max_wait + (runs + 1) * takes
                queue.add((tenant, number), priority)
            await queue.drain()
        assert late == []

    run(main())


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_a_tenant_with_one_key_waits_for_one_key_of_each_other_tenant(counts: list[int]) -> None:
    async def main() -> None:
        queue = _queue(max_wait=1e9)
        for tenant, count in enumerate(counts):
            for number in range(count):
                queue.add((str(tenant), number), Priority.EVENT)
        queue.add(("small", 0), Priority.EVENT)
        order = [await queue.get() for _ in range(sum(counts) + 1)]
        assert order.index(("small", 0)) <= len(counts)

    run(main())
