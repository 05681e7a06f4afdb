from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import pytest

from reconcile.testing.loop import DeadlockError, VirtualTimeLoop, run


def test_an_hour_passes_at_once() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - before

    started = time.monotonic()
    assert run(main()) == pytest.approx(3600)
    assert time.monotonic() - started < 1


def test_timers_fire_in_order_and_at_their_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        found: list[tuple[str, float]] = []

        async def note(name: str, delay: float) -> None:
            await asyncio.sleep(delay)
            found.append((name, round(loop.time() - start, 6)))

        async with asyncio.TaskGroup() as group:
            for name, delay in (("c", 30.0), ("a", 0.5), ("b", 7.0)):
                group.create_task(note(name, delay))
        return found

    expected = [("a", 0.5), ("b", 7.0), ("c", 30.0)]
    assert run(main()) == expected
    assert run(main()) == expected


def test_timeouts_count_virtual_seconds() -> None:
    async def main() -> None:
        async with asyncio.timeout(600):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(main())


def test_waiting_for_nothing_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    loop_factory = partial(VirtualTimeLoop, idle_limit=0.01)
    with pytest.raises(DeadlockError), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_a_loop_that_only_advances_its_clock_ends() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110  it is the fault under test
            await asyncio.sleep(1)

    with pytest.raises(TimeoutError, match="real seconds"):
        run(main(), real_limit=0.05)


def test_threads_are_waited_for() -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 7)

    assert run(main()) == 7


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(threading.Event().wait, 0.05)
        return loop.time() - before

    assert run(main()) == 0


def test_the_end_of_the_executor_is_waited_for() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(3600, print)
        await asyncio.to_thread(threading.Event().wait, 0)

    run(main())


def test_a_thread_that_never_ends_is_given_up() -> None:
    over = threading.Event()

    async def main() -> None:
        async with asyncio.timeout(60):
            await asyncio.to_thread(over.wait, 30)

    loop_factory = partial(VirtualTimeLoop, real_limit=0.1)
    with pytest.raises(TimeoutError, match="real seconds"), asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            runner.run(main())
        finally:
            over.set()
