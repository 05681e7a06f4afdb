"""The server on a loopback port, with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from reconcile.listener import Listener
from reconcile.testing.apiserver.faulting import Faults, Interruption, deliver
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, failure_response
from reconcile.testing.apiserver.status import StatusError

__all__ = ["HttpServer"]

Handle = Callable[[ApiRequest], Awaitable[ApiResponse]]

# Bytes of the largest request body. Source: the limit of kube-apiserver for resource requests, 3 MiB.
MAX_BODY = 3 * 1024 * 1024
_TOO_LARGE = StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_BODY}")


class HttpServer:
    """Speaks HTTP/1.1 for a handler.

    Args:
        handle: answers requests.
        faults: decides which requests are disturbed.
    """

    def __init__(self, handle: Handle, faults: Faults) -> None:
        self._handle = handle
        self._faults = faults
        self._listener: Listener | None = None
        self.port = 0

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen; port 0 picks a free one, readable from `port`."""
        server = web.Server(self._serve, access_log=None, handler_cancellation=True, request_factory=_request)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
        self._listener = Listener(runner, host, port, tls)
        await self._listener.start()
        self.port = self._listener.port

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._listener is not None:
            await self._listener.close()
            self._listener = None

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        path, _, _ = raw.raw_path.partition("?")
        headers = {name.lower(): ", ".join(raw.headers.getall(name)) for name in raw.headers}
        try:
            body = await raw.read() if raw.body_exists else b""
        except web.HTTPRequestEntityTooLarge:
            return _whole(failure_response(_TOO_LARGE))
        request = ApiRequest(raw.method, path, dict(raw.query), headers, body)
        try:
            response = await deliver(request, self._handle, self._faults)
        except Interruption:
            _abort(raw)
            return web.Response(status=500)
        if response.stream is None:
            return _whole(response)
        return await self._stream(raw, response)

    async def _stream(self, raw: web.BaseRequest, response: ApiResponse) -> web.StreamResponse:
        assert response.stream is not None
        answer = web.StreamResponse(status=response.status, headers=_headers(response))
        answer.enable_chunked_encoding()
        async with contextlib.aclosing(response.stream) as stream:
            try:
                await answer.prepare(raw)
                async for chunk in stream:
                    await answer.write(chunk)
                await answer.write_eof()
            except Interruption:
                _abort(raw)
            except ConnectionError:
                # The client went away; the watch ends with it.
                return answer
        return answer


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)


def _headers(response: ApiResponse) -> list[tuple[str, str]]:
    warnings = [("Warning", f'299 - "{_escaped(text)}"') for text in response.warnings]
    return [*response.headers.items(), ("Cache-Control", "no-cache, private"), *warnings]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _whole(response: ApiResponse) -> web.Response:
    answer = web.Response(status=response.status, body=response.body)
    for name, value in _headers(response):
        if name == "Content-Type":
            answer.headers[name] = value
        else:
            answer.headers.add(name, value)
    return answer


def _abort(raw: web.BaseRequest) -> None:
    transport = raw.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
