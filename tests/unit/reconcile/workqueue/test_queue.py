"""The guarantees of the queue, one test each."""

from __future__ import annotations

import asyncio

import pytest

from reconcile.testing.loop import run
from reconcile.workqueue import Queue, QueueSeries, QueueShutDownError


def test_first_come_first_served() -> None:
    async def main() -> list[str]:
        queue = Queue[str]()
        for key in "cab":
            queue.add(key)
        return [await queue.get() for _ in range(3)]

    assert run(main()) == ["c", "a", "b"]


def test_a_key_added_twice_is_handed_out_once() -> None:
    async def main() -> None:
        queue = Queue[str]()
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1
        assert await queue.get() == "a"
        queue.done("a")
        assert len(queue) == 0

    run(main())


def test_a_key_added_while_a_worker_has_it_comes_back_after_done() -> None:
    async def main() -> None:
        queue = Queue[str]()
        queue.add("a")
        await queue.get()
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0
        assert "a" in queue
        queue.done("a")
        assert await queue.get() == "a"
        queue.done("a")
        assert "a" not in queue

    run(main())


def test_never_two_workers_on_one_key() -> None:
    async def main() -> None:
        queue = Queue[int]()
        busy: set[int] = set()
        handed = 0

        async def worker() -> None:
            nonlocal handed
            while True:
                try:
                    key = await queue.get()
                except QueueShutDownError:
                    return
                assert key not in busy
                busy.add(key)
                handed += 1
                await asyncio.sleep(0.01 * (key + 1))
                busy.remove(key)
                queue.done(key)

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(worker())
            for turn in range(300):
                queue.add(turn % 5)
                await asyncio.sleep(0.003)
            await queue.drain()
        assert handed > 50
        assert not busy

    run(main())


def test_done_without_get_is_an_error() -> None:
    async def main() -> None:
        queue = Queue[str]()
        queue.add("a")
        with pytest.raises(ValueError, match="without get"):
            queue.done("a")

    run(main())


def test_get_waits_for_an_add() -> None:
    async def main() -> None:
        queue = Queue[str]()
        getter = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        assert not getter.done()
        queue.add("a")
        assert await getter == "a"

    run(main())


def test_shut_down_hands_out_the_rest_and_then_raises() -> None:
    async def main() -> None:
        queue = Queue[str]()
        queue.add("a")
        queue.shut_down()
        queue.add("b")
        assert await queue.get() == "a"
        with pytest.raises(QueueShutDownError):
            await queue.get()

    run(main())


def test_shut_down_wakes_all_waiting_workers() -> None:
    async def main() -> None:
        queue = Queue[str]()
        workers = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.shut_down()
        results = await asyncio.gather(*workers, return_exceptions=True)
        assert [type(result) for result in results] == [QueueShutDownError] * 3

    run(main())


def test_shut_down_with_discard_drops_what_waits() -> None:
    async def main() -> None:
        queue = Queue[str]()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("b")
        queue.shut_down(discard=True)
        queue.done("a")
        with pytest.raises(QueueShutDownError):
            await queue.get()
        await queue.drain()

    run(main())


def test_drain_waits_for_queued_and_running_keys() -> None:
    async def main() -> None:
        queue = Queue[str]()
        queue.add("a")
        queue.add("b")
        assert await queue.get() == "a"
        queue.add("a")
        drained = asyncio.create_task(queue.drain())
        await asyncio.sleep(1)
        queue.done("a")
        for _ in range(2):
            assert not drained.done()
            queue.done(await queue.get())
        await drained

    run(main())


def test_a_cancelled_getter_takes_no_key() -> None:
    async def main() -> None:
        queue = Queue[str]()
        first = asyncio.create_task(queue.get())
        second = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")  # wakes the first, which is cancelled before it runs
        first.cancel()
        assert await asyncio.wait_for(second, 1) == "a"
        assert first.cancelled()
        assert list(queue.processing) == ["a"]

    run(main())


def test_oldest_due_age_is_that_of_keys_without_a_worker() -> None:
    async def main() -> None:
        queue = Queue[str]()
        assert queue.oldest_due_age == 0
        queue.add("a")
        await asyncio.sleep(5)
        queue.add("b")
        assert queue.oldest_due_age == pytest.approx(5)
        await queue.get()
        await asyncio.sleep(2)
        assert queue.oldest_due_age == pytest.approx(2)
        await queue.get()
        queue.add("b")
        await asyncio.sleep(50)
        assert queue.oldest_due_age == 0
        queue.done("b")
        await asyncio.sleep(1)
        assert queue.oldest_due_age == pytest.approx(1)

    run(main())


def test_counts_adds_waiting_and_work() -> None:
    async def main() -> None:
        series = QueueSeries("things")
        queue = Queue[str](series=series)
        queue.add("a")
        queue.add("a")
        queue.add("b")
        assert (series.adds, series.depth) == (2, 2)
        await asyncio.sleep(3)
        await queue.get()
        await asyncio.sleep(4)
        assert list(series.running_ages()) == pytest.approx([4])
        queue.done("a")
        assert series.waited.sum == pytest.approx(3)
        assert series.worked.sum == pytest.approx(4)
        assert sum(series.worked.counts) == 1

    run(main())
