"""Talking gRPC to a vendor: channels, calls with a deadline and a bound, and statuses as `eso.errors`.

Texts of a vendor are left out of errors, they may repeat what was sent.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from cryptography import x509
from google.protobuf.message import DecodeError

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.grpcmessages import MessageType, message_types
from eso.providers.http import BODY_LIMIT
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = [
    "MESSAGE_LIMIT",
    "ChannelFactory",
    "GrpcServer",
    "Method",
    "channel_options",
    "secure_channel",
    "system_roots",
    "trusted_roots",
]

ChannelFactory = Callable[[str, bytes | None], grpc.aio.Channel]
"""Opens a channel to an address; the second argument is PEM of the only roots to trust, None means the system's."""

MESSAGE_LIMIT: Final = 4 * BODY_LIMIT
"""Bytes of an answer that a channel takes in. Above `BODY_LIMIT`, so that a long answer is told from throttling: gRPC reports what
it does not take in as RESOURCE_EXHAUSTED."""

_RETRIES: Final = 3
_LONGEST_WAIT: Final = 3600.0
_DETAILS: Final = "grpc-status-details-bin"
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
_RPC: Final = message_types(
    "google.rpc",
    """
    message Any { string type_url = 1; bytes value = 2; }
    message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
    message Duration { int64 seconds = 1; int32 nanos = 2; }
    message RetryInfo { Duration retry_delay = 1; }
    """,
)
"""Source: AIP-193. The types of `google.protobuf` among them are the same on the wire."""

_KINDS: Final[Mapping[grpc.StatusCode, type[ProviderError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNIMPLEMENTED: InvalidRequestError,
    grpc.StatusCode.FAILED_PRECONDITION: InvalidRequestError,
    grpc.StatusCode.ALREADY_EXISTS: ProviderError,
}
"""What statuses mean that neither depend on the vendor nor may pass."""


@dataclass(frozen=True, slots=True)
class Method:
    """A unary method of a service.

    Attributes:
        path: `/package.Service/Method`.
        request: class of what is sent.
        answer: class of what comes back.
    """

    path: str
    request: MessageType
    answer: MessageType


def channel_options(*, keepalive: float, patience: float) -> list[tuple[str, int | str]]:
    """Options of a channel.

    Args:
        keepalive: seconds without traffic, during a call, after which the server is asked whether it is there.
        patience: seconds in which it must answer.
    """
    return [
        ("grpc.max_receive_message_length", MESSAGE_LIMIT),
        ("grpc.primary_user_agent", "external-secrets"),
        ("grpc.keepalive_time_ms", int(keepalive * 1000)),
        ("grpc.keepalive_timeout_ms", int(patience * 1000)),
        ("grpc.keepalive_permit_without_calls", 0),
    ]


def secure_channel(address: str, ca: bytes | None, *, keepalive: float, patience: float) -> grpc.aio.Channel:
    """A channel by TLS 1.2 or later; see `channel_options`.

    Args:
        address: host and port.
        ca: PEM of the only roots to trust; None for the system's.
        keepalive: as for `channel_options`.
        patience: as for `channel_options`.
    """
    # The scheme keeps an address that a store or a server names from being taken for a path of a local socket.
    options = channel_options(keepalive=keepalive, patience=patience)
    return grpc.aio.secure_channel(f"dns:///{address}", grpc.ssl_channel_credentials(ca), options)


def trusted_roots(pem: SecretValue, field: str) -> bytes:
    """PEM of certificates, looked at before gRPC gets them: it would only log that it cannot use them.

    Raises:
        InvalidSpecError: there is none in it.
    """
    try:
        if not x509.load_pem_x509_certificates(pem.reveal()):
            raise ValueError
    except ValueError:
        raise InvalidSpecError(f"{field}: unable to read trusted CA certificates, it must be PEM") from None
    return pem.reveal()


async def system_roots() -> bytes | None:
    """PEM of the certificates that the system trusts; None where there is no such file, which leaves gRPC those that it carries.

    gRPC looks at neither the system's file nor `SSL_CERT_FILE` by itself, as everything else in the operator does.
    """
    found = ssl.get_default_verify_paths().cafile
    if not found:
        return None
    return await asyncio.to_thread(Path(found).read_bytes) or None


class GrpcServer:
    """One server of a vendor.

    Args:
        channel: to it; closed with this.
        vendor: its name, for messages.
        timeout: seconds for a call with its retries.
        missing: class of the error for NOT_FOUND.
        backoff: seconds before the first retry, doubled for each further one.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        vendor: str,
        *,
        timeout: float,
        missing: type[ProviderError] = NoSecretError,
        backoff: float = 0.5,
    ) -> None:
        self._channel = channel
        self._vendor = vendor
        self._timeout = timeout
        self._missing = missing
        self._backoff = backoff

    async def call(
        self,
        method: Method,
        request: Any,
        what: str,
        *,
        tokens: Renewed[SecretValue] | SecretValue | None = None,
        retried: Collection[grpc.StatusCode] = (),
    ) -> Any:
        """One call: with a fresh token where the first is refused and there are fresh ones.

        Args:
            method: what to call.
            request: a message of `method.request`.
            what: the operation and its subject in our own words, for messages.
            tokens: what the call carries, renewed or ever the same; None for no credentials.
            retried: statuses after which it is tried again, up to three times, unless the vendor asks to wait.

        Raises:
            ProviderError: by status; or there is no answer, or it cannot be used.
        """
        send = self._channel.unary_unary(method.path, request_serializer=method.request.SerializeToString)
        try:
            async with asyncio.timeout(self._timeout):
                content = await self._patiently(send, request, what, tokens, retried)
        except TimeoutError:
            raise UnavailableError(f"{what}: {self._vendor} did not answer in time") from None
        except grpc.aio.AioRpcError as err:
            raise self._error_of(err, what) from ConnectionError(err.code().name)
        if len(content) > BODY_LIMIT:
            raise InvalidRequestError(f"{what}: the answer is longer than {BODY_LIMIT} bytes")
        try:
            return method.answer.FromString(content)
        except DecodeError:
            raise ProviderError(f"{what}: the answer of {self._vendor} could not be understood") from None

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _patiently(
        self,
        send: grpc.aio.UnaryUnaryMultiCallable[Any, bytes],
        request: Any,
        what: str,
        tokens: Renewed[SecretValue] | SecretValue | None,
        retried: Collection[grpc.StatusCode],
    ) -> bytes:
        renewed, fresh, retries = tokens if isinstance(tokens, Renewed) else None, False, 0
        while True:
            token = tokens if not isinstance(tokens, Renewed) else await tokens.get()
            try:
                content: bytes = await send(request, metadata=_metadata(token, what))
                return content
            except grpc.aio.AioRpcError as err:
                if err.code() is grpc.StatusCode.UNAUTHENTICATED and renewed is not None and not fresh:
                    # The token may have been revoked before its end.
                    fresh = True
                    renewed.forget(token)
                elif err.code() in retried and retries < _RETRIES and _wait(err) is None:
                    await asyncio.sleep(self._backoff * 2**retries)
                    retries += 1
                else:
                    raise

    def _error_of(self, err: grpc.aio.AioRpcError, what: str) -> ProviderError:
        code = err.code()
        message = f"{what}: {self._vendor} answered {code.name}"
        if code is grpc.StatusCode.NOT_FOUND:
            return self._missing(message)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ThrottledError(f"{message}, too many requests", retry_after=_wait(err))
        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return AccessDeniedError(f"{message}, check the credentials of the store and what they are allowed to do")
        if code is grpc.StatusCode.UNAVAILABLE:
            # gRPC tells the reason in prose only.
            message = (
                f"{what}: {self._vendor} is out, cannot be reached, or its certificate is not trusted ({code.name})"
            )
        kind = _KINDS.get(code)
        return UnavailableError(message, retry_after=_wait(err)) if kind is None else kind(message)


def _metadata(token: SecretValue | None, what: str) -> tuple[tuple[str, str], ...]:
    if token is None:
        return ()
    text = token.reveal_text()
    if not text or not text.isascii() or not text.isprintable():
        raise InvalidSpecError(f"{what}: the token is empty or holds characters that no token has")
    return (("authorization", f"Bearer {text}"),)


def _wait(err: grpc.aio.AioRpcError) -> float | None:
    """Seconds that the vendor asks to wait, at most one hour: `google.rpc.RetryInfo` among the details of a status."""
    for key, value in err.trailing_metadata() or ():
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        try:
            for detail in _RPC["Status"].FromString(value).details:
                if detail.type_url == _RETRY_INFO:
                    delay = _RPC["RetryInfo"].FromString(detail.value).retry_delay
                    return min(max(0.0, float(delay.seconds + delay.nanos / 1e9)), _LONGEST_WAIT)
        except DecodeError:
            return None
    return None
