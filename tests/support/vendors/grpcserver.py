"""The frame of servers that speak gRPC: one handler, tokens that are checked, a record of requests, faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status

__all__ = ["CANARY", "HUGE", "GrpcFault", "GrpcRefused", "GrpcVendor", "serving_grpc"]

CANARY = "canary-vendor-text"
"""What failing answers say."""

HUGE = b"\x0a\x80\xad\xe2\x04" + b"x" * 10_000_000
"""A message of 10 MB whose first field is a long text."""


class GrpcRefused(Exception):
    """The request is refused with a status."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class GrpcFault:
    """An error in place of every answer, or bytes that are no message; or a delay before it.

    Attributes:
        code: the status.
        delay: seconds before the answer, which is then a true one.
        wait: seconds that the error asks to wait.
        details: of the error, as they are on the wire; None for true ones.
        content: sent in place of a message.
        times: how often; negative for always.
        path: of the method; empty for all.
    """

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    delay: float = 0.0
    wait: float | None = None
    details: bytes | None = None
    content: bytes | None = None
    times: int = -1
    path: str = ""


@dataclass
class GrpcVendor:
    """A server; subclasses answer.

    Attributes:
        target: host and port.
        tokens: that are valid now.
        seen: path and message of each request.
        agents: user agents of the requests.
        fault: see `GrpcFault`.
    """

    methods: ClassVar[Mapping[str, tuple[Any, Any]]]
    """Path of each method -> classes of what it takes and gives."""

    public: ClassVar[frozenset[str]] = frozenset()
    """Paths of methods that ask for no token."""

    target: str = ""
    tokens: set[str] = field(default_factory=set)
    seen: list[tuple[str, Any]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    fault: GrpcFault | None = None

    def answer(self, path: str, request: Any) -> Any:
        """The answer; raises GrpcRefused."""
        raise GrpcRefused(grpc.StatusCode.UNIMPLEMENTED)

    def asked(self, name: str) -> list[Any]:
        """Requests of the methods whose path ends so."""
        return [request for path, request in self.seen if path.endswith(f"/{name}")]

    def issued(self) -> str:
        """A token that is good from now on."""
        token = f"canary-token-{len(self.seen)}-{len(self.tokens)}"
        self.tokens.add(token)
        return token

    @contextmanager
    def failing(self, fault: GrpcFault) -> Iterator[None]:
        """Fail for the length of a block."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    async def handle(self, path: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        """Check the token, play the fault, answer."""
        sent = dict(context.invocation_metadata() or ())
        self.agents.add(str(sent.get("user-agent", "")))
        self.seen.append((path, request))
        fault = self.fault
        if fault is not None and fault.times and fault.path in ("", path):
            fault.times -= 1
            await asyncio.sleep(fault.delay)
            if fault.content is not None:
                return fault.content
            if not fault.delay:
                await context.abort(fault.code, CANARY, _details(fault))
        kind, _, token = str(sent.get("authorization", "")).partition(" ")
        if path not in self.public and (kind != "Bearer" or token not in self.tokens):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"{CANARY} {token}")
        try:
            return self.answer(path, request)
        except GrpcRefused as refused:
            await context.abort(refused.code, f"{CANARY} {request}")


def _details(fault: GrpcFault) -> tuple[tuple[str, bytes], ...]:
    if fault.details is not None:
        return (("grpc-status-details-bin", fault.details),)
    if fault.wait is None:
        return ()
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(int(fault.wait * 1000))
    details = []
    for detail in (DebugInfo(detail=CANARY), info):
        packed = Packed()
        packed.Pack(detail)
        details.append(packed)
    status = Status(code=fault.code.value[0], message=CANARY, details=details)
    return (("grpc-status-details-bin", status.SerializeToString()),)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, vendor: GrpcVendor) -> None:
        self._vendor = vendor

    def service(self, handler_call_details: Any) -> Any:
        path = handler_call_details.method
        if path not in self._vendor.methods:
            return None
        takes, gives = self._vendor.methods[path]

        async def behave(request: Any, context: Any) -> Any:
            return await self._vendor.handle(path, request, context)

        def written(answer: Any) -> bytes:
            if isinstance(answer, bytes):
                return answer
            assert isinstance(answer, gives)
            return bytes(answer.SerializeToString())

        return grpc.unary_unary_rpc_method_handler(behave, takes.FromString, written)


@asynccontextmanager
async def serving_grpc(vendor: GrpcVendor, pair: tuple[bytes, bytes]) -> AsyncIterator[None]:
    """The vendor on loopback, by TLS.

    Args:
        vendor: what answers.
        pair: PEM of certificate and key.
    """
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Handlers(vendor),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pair[1], pair[0])]))
    vendor.target = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)
