"""A client's transport without sockets: requests reach the handler as function calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from reconcile.client.transport import Response, Stream
from reconcile.errors import TransportError
from reconcile.testing.apiserver.faulting import Faults, Interruption, deliver
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse

__all__ = ["InProcessTransport"]

Handle = Callable[[ApiRequest], Awaitable[ApiResponse]]

_REQUEST_TIMEOUT = 30.0
"""Source: `Config.request_timeout`."""


@dataclass(slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    response: ApiResponse

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.response.stream is None:
            yield self.response.body
            return
        try:
            async for chunk in self.response.stream:
                yield chunk
        except Interruption:
            raise TransportError("the connection was reset by an injected fault") from None


class InProcessTransport:
    """Implements `reconcile.client.transport.Transport` on a handler.

    Args:
        handle: answers requests.
        faults: decides which requests are disturbed.
        token: sent as bearer token; empty sends none.
        user_agent: becomes the field manager where a request names none.
        request_timeout: seconds that a request may take which says nothing else, as in `Config`.
    """

    def __init__(
        self,
        handle: Handle,
        faults: Faults,
        *,
        token: str = "",
        user_agent: str = "reconcile",
        request_timeout: float = _REQUEST_TIMEOUT,
    ) -> None:
        self._handle = handle
        self._faults = faults
        self._request_timeout = request_timeout
        self._headers = {"user-agent": user_agent}
        if token:
            self._headers["authorization"] = f"Bearer {token}"

    @property
    def host(self) -> str:
        """For metrics."""
        return "in-process"

    @contextlib.asynccontextmanager
    async def _limited(self, method: str, path: str, timeout: float | None) -> AsyncIterator[None]:
        """What takes too long, or is cut, fails as it does over a connection."""
        seconds = self._request_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                yield
        except Interruption:
            raise TransportError(f"{method} {path}: the connection was reset by an injected fault") from None
        except TimeoutError as err:
            raise TransportError(f"{method} {path}: no answer within {seconds:g} s") from err

    async def _deliver(
        self, method: str, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str], body: bytes
    ) -> ApiResponse:
        request = ApiRequest(method, path, dict(query or {}), {**self._headers, **headers}, body)
        return await deliver(request, self._handle, self._faults)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        """One request and its whole answer; see `Transport.request`."""
        headers = {"accept": accept, "content-type": content_type}
        async with self._limited(method, path, timeout):
            answer = await self._deliver(method, path, query, headers, body or b"")
            content = answer.body
            if answer.stream is not None:
                content = b"".join([chunk async for chunk in _Answer(answer.status, answer.headers, answer)])
        return Response(answer.status, content, _headers(answer))

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> AsyncIterator[Stream]:
        """One request and its answer as it arrives; see `Transport.stream`."""
        async with self._limited(method, path, timeout):
            answer = await self._deliver(method, path, query, {"accept": accept}, b"")
        try:
            yield _Answer(answer.status, _headers(answer), answer)
        finally:
            if answer.stream is not None:
                await answer.stream.aclose()

    async def close(self) -> None:
        """Nothing is held."""


def _headers(answer: ApiResponse) -> Mapping[str, str]:
    if not answer.warnings:
        return answer.headers
    return {**answer.headers, "Warning": ", ".join(f'299 - "{text}"' for text in answer.warnings)}
