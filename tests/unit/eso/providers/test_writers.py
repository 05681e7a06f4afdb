"""Writers of one secret take turns (pushsecret, C3); others do not wait; nothing stays behind."""

from __future__ import annotations

import asyncio

from eso.providers.writers import Writers
from reconcile.testing.loop import run


def test_writers_of_one_secret_take_turns() -> None:
    async def main() -> None:
        writers, seen = Writers(), []

        async def write(name: str, number: int) -> None:
            async with writers.writing(name):
                seen.append((name, number, "begins"))
                await asyncio.sleep(1)
                seen.append((name, number, "ends"))

        began = asyncio.get_running_loop().time()
        await asyncio.gather(write("a", 1), write("a", 2), write("b", 1))
        assert asyncio.get_running_loop().time() - began == 2
        assert [entry[1:] for entry in seen if entry[0] == "a"] == [
            (1, "begins"),
            (1, "ends"),
            (2, "begins"),
            (2, "ends"),
        ]
        assert writers._waiting == {}

    run(main())


def test_who_is_cancelled_while_waiting_leaves_nothing_behind() -> None:
    async def main() -> None:
        writers = Writers()
        async with writers.writing("a"):
            waiting = asyncio.create_task(writers.writing("a").__aenter__())
            await asyncio.sleep(1)
            waiting.cancel()
            await asyncio.wait([waiting])
        async with asyncio.timeout(1), writers.writing("a"):
            pass
        assert writers._waiting == {}

    run(main())
