from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from reconcile.testing.apiserver.faulting import Interruption, deliver
from reconcile.testing.apiserver.requests import ApiResponse
from reconcile.testing.faults import ApiRequest, Fault, Faults


class Handler:
    def __init__(self, stream: AsyncGenerator[bytes, None] | None = None) -> None:
        self.handled = 0
        self._stream = stream

    async def __call__(self, request: ApiRequest) -> ApiResponse:
        self.handled += 1
        return ApiResponse(200, b"0123456789", stream=self._stream)


def get(path: str = "/a") -> ApiRequest:
    return ApiRequest("GET", path)


async def test_only_matching_requests_are_hit_and_only_so_often() -> None:
    faults, handler = Faults(), Handler()
    fault = faults.add(lambda request: request.path == "/a", times=2, status=503)
    statuses = [(await deliver(get(path), handler, faults)).status for path in ("/a", "/b", "/a", "/a")]
    assert statuses == [503, 200, 503, 200]
    assert (fault.hits, handler.handled) == (2, 2)


async def test_the_first_fault_that_matches_wins_and_can_be_removed() -> None:
    faults, handler = Faults(), Handler()
    first = faults.add(lambda request: True, status=500)
    faults.add(lambda request: True, status=429, retry_after=3)
    assert (await deliver(get(), handler, faults)).status == 500
    faults.remove(first)
    answer = await deliver(get(), handler, faults)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert b'"retryAfterSeconds":3' in answer.body
    faults.clear()
    assert (await deliver(get(), handler, faults)).status == 200


@pytest.mark.parametrize(("options", "handled"), [({"reset": True}, 0), ({"reset_after": True}, 1)])
async def test_resets(options: dict[str, bool], handled: int) -> None:
    handler = Handler()
    faults = Faults([Fault(lambda request: True, **options)])
    with pytest.raises(Interruption):
        await deliver(get(), handler, faults)
    assert handler.handled == handled


async def chunks() -> AsyncGenerator[bytes, None]:
    yield b"abc"
    yield b"defg"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("limit", [0, 2, 3, 5])
async def test_drop_after_cuts_bodies_and_streams(streamed: bool, limit: int) -> None:
    whole = b"abcdefg" if streamed else b"0123456789"
    faults = Faults()
    faults.add(lambda request: True, drop_after=limit)
    answer = await deliver(get(), Handler(chunks() if streamed else None), faults)
    received = b""
    assert answer.stream is not None
    with pytest.raises(Interruption):
        async for chunk in answer.stream:
            received += chunk
    assert received == whole[:limit]


@pytest.mark.parametrize("streamed", [False, True])
async def test_garble_after_sends_no_json_and_ends(streamed: bool) -> None:
    faults = Faults()
    faults.add(lambda request: True, garble_after=5)
    answer = await deliver(get(), Handler(chunks() if streamed else None), faults)
    assert answer.stream is not None
    received = b"".join([chunk async for chunk in answer.stream])
    assert received.startswith(b"abcde" if streamed else b"01234")
    with pytest.raises(ValueError, match="control character"):
        json.loads(received[5:])


@pytest.mark.parametrize("streamed", [False, True])
async def test_stall_after_keeps_the_connection_and_sends_nothing(streamed: bool) -> None:
    faults = Faults()
    faults.add(lambda request: True, stall_after=5)
    answer = await deliver(get(), Handler(chunks() if streamed else None), faults)
    received = b""

    async def read() -> None:
        nonlocal received
        assert answer.stream is not None
        async for chunk in answer.stream:
            received += chunk

    task = asyncio.create_task(read())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    assert received == (b"abcde" if streamed else b"01234")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_hang_ends_with_cancellation() -> None:
    handler, faults = Handler(), Faults()
    faults.add(lambda request: True, hang=True)
    task = asyncio.create_task(deliver(get(), handler, faults))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert handler.handled == 0
