"""One operator and one control plane for all tests of a module, and a namespace for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.operating import VERSION, Bench, Space, bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle_bench() -> AsyncIterator[Bench]:
    """A control plane without an operator: tests start their own."""
    async with bench() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Bench]:
    """A control plane and an operator with the default flags."""
    async with bench() as made, made.operator():
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def space(shared: Bench) -> AsyncIterator[Space]:
    """A namespace of the shared control plane; nothing in it goes on after the test."""
    made = await shared.space()
    yield made
    await made.request("DELETE", f"{VERSION}/externalsecrets")
    await shared.settled()
