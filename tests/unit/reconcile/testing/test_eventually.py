from __future__ import annotations

import asyncio

import pytest

from reconcile.errors import NotFoundError
from reconcile.testing.eventually import eventually


async def test_returns_the_first_truthy_value() -> None:
    values = iter([None, "", "there"])
    assert await eventually(lambda: next(values), interval=0) == "there"


async def test_accepts_coroutines() -> None:
    async def check() -> int:
        return 7

    assert await eventually(check) == 7


@pytest.mark.parametrize("failure", [AssertionError("not yet"), NotFoundError("no such thing")])
async def test_failures_are_tried_again(failure: Exception) -> None:
    tries = 0

    def check() -> bool:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise failure
        return True

    assert await eventually(check, interval=0)
    assert tries == 3


async def test_other_exceptions_end_the_wait() -> None:
    def check() -> bool:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await eventually(check)


async def test_says_what_failed_last() -> None:
    def check() -> bool:
        raise AssertionError("the Secret has no key")

    with pytest.raises(AssertionError, match=r"not true within 0 s: the Secret has no key"):
        await eventually(check, timeout=0)
    with pytest.raises(AssertionError, match=r"the check returned None"):
        await eventually(lambda: None, timeout=0)


async def test_is_cancelled_at_once() -> None:
    task = asyncio.create_task(eventually(lambda: False, timeout=60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
