"""Faults on purpose: matching requests to the embedded API server fail, stall or break off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, failure_response
from reconcile.testing.apiserver.status import StatusError

__all__ = ["Fault", "Faults", "Interruption", "deliver"]

Predicate = Callable[[ApiRequest], bool]
Handle = Callable[[ApiRequest], Awaitable[ApiResponse]]


class Interruption(Exception):
    """The connection is to be cut."""


@dataclass(slots=True)
class Fault:
    """What happens to requests that match.

    Attributes:
        when: which requests; also a plain function such as `lambda request: request.method == "PUT"`.
        times: how many requests it hits; None means every one.
        status: answer this instead of handling the request; 0 handles it.
        reason: of the Status that goes with it.
        message: of the Status that goes with it.
        retry_after: seconds, sent as Retry-After.
        delay: seconds before anything happens.
        hang: never answer.
        reset: cut the connection before the request is handled.
        reset_after: cut the connection after the request was handled: the write happened, the answer is lost.
        drop_after: cut the body, or the watch, after this many bytes.
        stall_after: send nothing more after this many bytes, and keep the connection open.
        garble_after: send bytes that are no JSON after this many bytes, and end.
        hits: how many requests it has hit.
    """

    when: Predicate
    times: int | None = None
    status: int = 0
    reason: str = ""
    message: str = ""
    retry_after: float | None = None
    delay: float = 0.0
    hang: bool = False
    reset: bool = False
    reset_after: bool = False
    drop_after: int | None = None
    stall_after: int | None = None
    garble_after: int | None = None
    hits: int = 0


_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
    422: "Invalid", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


@dataclass
class Faults:
    """The faults of one server; they may be added and removed while it runs."""

    active: list[Fault] = field(default_factory=list)

    def add(self, when: Predicate, **options: Any) -> Fault:
        """Disturb matching requests from now on; the options are the attributes of `Fault`."""
        fault = Fault(when, **options)
        self.active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End a fault."""
        if fault in self.active:
            self.active.remove(fault)

    def clear(self) -> None:
        """End all faults."""
        self.active.clear()

    def take(self, request: ApiRequest) -> Fault | None:
        """The first fault that hits a request; counted."""
        for fault in self.active:
            if (fault.times is None or fault.hits < fault.times) and fault.when(request):
                fault.hits += 1
                return fault
        return None


async def deliver(request: ApiRequest, handle: Handle, faults: Faults) -> ApiResponse:
    """Handle a request under the faults.

    Raises:
        Interruption: the connection is to be cut.
    """
    fault = faults.take(request)
    if fault is None:
        return await handle(request)
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.hang:
        await asyncio.Event().wait()
    if fault.reset:
        raise Interruption
    if fault.status:
        return _failure(fault)
    response = await handle(request)
    if fault.reset_after:
        if response.stream is not None:
            await response.stream.aclose()
        raise Interruption
    for limit, then in ((fault.drop_after, _drop), (fault.stall_after, _stall), (fault.garble_after, _garble)):
        if limit is not None:
            response.stream = _cut(response.body, response.stream, limit, then)
            break
    return response


async def _drop() -> bytes:
    raise Interruption


async def _stall() -> bytes:
    await asyncio.Event().wait()
    return b""


async def _garble() -> bytes:
    return b'{"\x00\n'


def _failure(fault: Fault) -> ApiResponse:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    details = {} if fault.retry_after is None else {"retryAfterSeconds": int(fault.retry_after)}
    reason = fault.reason or _REASONS.get(fault.status, "Unknown")
    message = fault.message or f"a fault was injected: {reason}"
    return failure_response(StatusError(fault.status, reason, message, details, headers=headers))


async def _cut(
    body: bytes, stream: AsyncGenerator[bytes, None] | None, limit: int, then: Callable[[], Awaitable[bytes]]
) -> AsyncGenerator[bytes, None]:
    left = limit
    if stream is None:
        yield body[:left]
        yield await then()
        return
    async with contextlib.aclosing(stream) as chunks:
        async for chunk in chunks:
            if len(chunk) > left:
                if left:
                    yield chunk[:left]
                yield await then()
                return
            left -= len(chunk)
            yield chunk
