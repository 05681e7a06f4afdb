"""Stores that are slow do not keep the others waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import pytest

from eso.controllers.turns import NotYetError, Turns
from reconcile.api.request import Request
from reconcile.testing.loop import run


class Pool:
    """Workers that read; a store's reads take its seconds."""

    def __init__(self, workers: int, seconds: Mapping[str, float]) -> None:
        self.turns = Turns(workers)
        self.turns.bind(self.add)
        self.seconds = seconds
        self.queue: deque[Request] = deque()
        self.news = asyncio.Event()
        self.ended: dict[str, list[float]] = {store: [] for store in seconds}
        self.most: dict[str, int] = dict.fromkeys(seconds, 0)
        self.now: dict[str, int] = dict.fromkeys(seconds, 0)
        self.clock = asyncio.get_running_loop().time
        self.began = self.clock()
        self.tasks = [asyncio.create_task(self.work()) for _ in range(workers)]

    def add(self, request: Request) -> None:
        self.queue.append(request)
        self.news.set()

    async def work(self) -> None:
        while True:
            while not self.queue:
                self.news.clear()
                await self.news.wait()
            request = self.queue.popleft()
            store = request.namespace
            try:
                with self.turns.taken(request, {store}):
                    self.now[store] += 1
                    self.most[store] = max(self.most[store], self.now[store])
                    await asyncio.sleep(self.seconds[store])
                    self.now[store] -= 1
                self.ended[store].append(self.clock() - self.began)
            except NotYetError:
                pass
            finally:
                self.turns.wake()

    async def read(self, counts: Mapping[str, int], seconds: float) -> None:
        for store, count in counts.items():
            for number in range(count):
                self.add(Request(store, str(number)))
        await asyncio.sleep(seconds)
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


@pytest.mark.parametrize("slow", [1, 2, 4])
def test_stores_that_hang_leave_room_for_one_that_does_not(slow: int) -> None:
    async def main() -> Pool:
        hanging = {f"slow-{number}": 30.0 for number in range(slow)}
        pool = Pool(32, {**hanging, "quick": 0.05})
        # The hanging ones come first and are many.
        await pool.read({**dict.fromkeys(hanging, 500), "quick": 50}, 20)
        return pool

    pool = run(main())
    assert len(pool.ended["quick"]) == 50
    assert max(pool.ended["quick"]) < 3.0
    assert pool.most["slow-0"] == 21


@pytest.mark.parametrize("workers", [1, 2, 3, 32])
def test_everything_is_read_in_the_end(workers: int) -> None:
    async def main() -> Pool:
        pool = Pool(workers, {"a": 1.0, "b": 0.1, "c": 3.0})
        await pool.read({"a": 40, "b": 40, "c": 40}, 300)
        return pool

    pool = run(main())
    assert {store: len(ended) for store, ended in pool.ended.items()} == {"a": 40, "b": 40, "c": 40}
    assert pool.turns.waiting == 0


def test_one_whose_object_is_gone_does_not_block_those_behind_it() -> None:
    asked: list[Request] = []
    turns = Turns(2)
    turns.bind(asked.append)
    first, second, third = (Request("ns", name) for name in "abc")
    with turns.taken(first, {"s"}):
        for request in (second, third, second):
            with pytest.raises(NotYetError), turns.taken(request, {"s"}):
                raise AssertionError("there is no room")
    # It went to the end of the line when it came again; its pass finds nothing and only wakes the next.
    assert asked == [third]
    turns.forget(third)
    turns.wake()
    assert asked == [third, second]
    assert turns.waiting == 0


def test_an_object_of_two_stores_waits_for_the_one_that_is_busy() -> None:
    turns = Turns(3)
    with turns.taken(Request("ns", "a"), {"slow"}), turns.taken(Request("ns", "b"), {"quick"}):
        with pytest.raises(NotYetError, match="slow"), turns.taken(Request("ns", "c"), {"slow", "idle"}):
            raise AssertionError("there is no room")
        with turns.taken(Request("ns", "d"), {"idle"}):
            assert turns.waiting == 1
    assert turns.waiting == 0
