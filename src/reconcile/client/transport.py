"""How requests travel: the `Transport` protocol, which tests replace; `http` is its implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from reconcile.errors import TransportError

__all__ = ["NotSentError", "Response", "Stream", "Transport", "UntrustedError"]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer; the body stays out of the repr because it may hold secrets.

    Attributes:
        status: HTTP status code, also when it is an error.
        body: the undecoded body.
        headers: response headers; look names up without regard to case.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class NotSentError(TransportError):
    """The request never left: no connection could be made. Sending it again is safe whatever it is."""


class UntrustedError(NotSentError):
    """The server's certificate is not signed by an authority that is trusted, or is for another name."""


class OversizedError(TransportError):
    """The answer is longer than `Config.answer_limit`."""


class Stream(Protocol):
    """An answer whose body arrives over time."""

    @property
    def status(self) -> int:
        """HTTP status code; the chunks of an error hold its Status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in chunks of any size; raises TransportError when the connection breaks."""
        ...


class Transport(Protocol):
    """Carries one request to the API server and its answer back; knows no kinds and no retries."""

    @property
    def host(self) -> str:
        """`host:port`, for metrics."""
        ...

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
        """Send one request and read the whole answer, whatever its status.

        Args:
            method: upper case HTTP verb.
            path: absolute path, already percent-encoded.
            query: parameters, not yet encoded.
            body: the encoded body.
            content_type: media type of the body.
            accept: media types wanted.
            timeout: seconds for the whole exchange; None leaves it to the transport.

        Raises:
            TransportError: there was no complete answer.
        """
        ...

    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Stream]:
        """Send one request and hand out the answer as it arrives; leaving the context closes the connection.

        Args:
            method: upper case HTTP verb.
            path: absolute path, already percent-encoded.
            query: parameters, not yet encoded.
            accept: media types wanted.
            timeout: seconds until the headers have arrived; the body has no limit here.

        Raises:
            TransportError: the connection could not be made.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
