"""Deadlines, retries and the debounce window, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from reconcile.testing.loop import run
from reconcile.workqueue import ExponentialLimiter, FairOrder, Priority, QueueShutDownError, WorkQueue


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _due(queue: WorkQueue[str], start: float) -> tuple[str, float]:
    key = await queue.get()
    queue.done(key)
    return key, round(_now() - start, 3)


def test_add_after_waits() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        queue.add_after("late", 3600)
        queue.add_after("soon", 0.5)
        queue.add_after("now", 0)
        assert queue.scheduled == 2
        assert [await _due(queue, start) for _ in range(3)] == [("now", 0), ("soon", 0.5), ("late", 3600)]

    run(main())


@pytest.mark.parametrize(("first", "second"), [(10, 60), (60, 10)])
def test_the_earliest_deadline_wins(first: float, second: float) -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        queue.add_after("a", first)
        queue.add_after("a", second)
        assert queue.next_run("a") == start + 10
        assert await _due(queue, start) == ("a", 10)
        await asyncio.sleep(100)
        assert len(queue) == 0

    run(main())


def test_an_add_now_replaces_the_deadline() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        queue.add_after("a", 60)
        queue.add("a")
        assert await _due(queue, start) == ("a", 0)
        await asyncio.sleep(100)
        assert (len(queue), queue.scheduled) == (0, 0)

    run(main())


def test_a_deadline_for_a_queued_key_changes_nothing() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        queue.add("a")
        queue.add_after("a", 5)
        assert await _due(queue, start) == ("a", 0)
        await asyncio.sleep(100)
        assert len(queue) == 0

    run(main())


def test_a_deadline_set_by_the_worker_stands_after_done() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        queue.add("a")
        await queue.get()
        queue.add_after("a", 7)
        queue.done("a")
        assert await _due(queue, start) == ("a", 7)

    run(main())


def test_thousands_of_deadlines_come_in_order() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        for number in range(3000):
            queue.add_after(str(number), 1 + (number * 7919) % 3000)
        for number in range(3000):
            # Replaced by an earlier one: the old entries must not fire.
            queue.add_after(str(number), 0.5 + ((number * 7919) % 3000) / 2)
        deadlines = [(await _due(queue, start))[1] for _ in range(3000)]
        assert deadlines == sorted(deadlines)
        assert len(queue) == 0

    run(main())


def test_retries_wait_longer_each_time_until_forgotten() -> None:
    async def main() -> None:
        queue = WorkQueue[str](limiter=ExponentialLimiter(1, 420))
        waits = []
        for _ in range(4):
            start = _now()
            queue.add_rate_limited("a")
            waits.append((await _due(queue, start))[1])
        assert waits == [1, 2, 4, 8]
        assert queue.retries("a") == 4
        queue.forget("a")
        assert queue.add_rate_limited("a") == 1

    run(main())


def test_a_retry_waits_at_least_as_long_as_the_server_said() -> None:
    async def main() -> None:
        queue = WorkQueue[str](limiter=ExponentialLimiter(1, 420))
        assert queue.add_rate_limited("a", at_least=30) == 30

    run(main())


def test_an_event_during_the_back_off_runs_at_once() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](), _now()
        for _ in range(6):
            queue.add_rate_limited("a")
        queue.add("a")
        assert await _due(queue, start) == ("a", 0)

    run(main())


def test_the_higher_class_survives_on_either_side() -> None:
    async def main() -> None:
        queue = WorkQueue[str](order=FairOrder())
        queue.add_after("first", 60, Priority.NEW)
        queue.add("second", Priority.EVENT)
        queue.add("first", Priority.PERIODIC)
        assert [await queue.get(), await queue.get()] == ["first", "second"]

    run(main())


def test_debounce_collects_a_burst_into_one_run() -> None:
    async def main() -> None:
        queue, start = WorkQueue[str](debounce=1.0), _now()
        for _ in range(15):
            queue.add("a")
            await asyncio.sleep(0.05)
        assert await _due(queue, start) == ("a", 1.0)
        # Changes that never pause do not push the run out for ever: the window begins with the first.
        queue.add("a")
        assert (await _due(queue, start))[1] == 2.0

    run(main())


def test_shut_down_drops_deadlines() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        queue.add_after("a", 5)
        queue.shut_down()
        queue.add_after("b", 5)
        queue.add_rate_limited("c")
        await asyncio.sleep(10)
        with pytest.raises(QueueShutDownError):
            await queue.get()

    run(main())
