"""Whether anything answers where a vendor is said to be."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlsplit

from eso.errors import InvalidSpecError, UnavailableError

__all__ = ["tcp_probe"]

_SECONDS: Final = 15.0
"""Source: the network validation of External Secrets Operator v2.9.0, as is the port of URLs that name none."""

_PORT: Final = 443


async def tcp_probe(url: str, what: str, *, seconds: float = _SECONDS) -> None:
    """Connect to the host and port of a URL, and hang up: no TLS, no HTTP.

    Args:
        url: of the vendor; its port is 443 unless it names one, also with http.
        what: whom the URL is of, for messages.
        seconds: to wait for the connection.

    Raises:
        InvalidSpecError: the URL has no host, or a port that is none.
        UnavailableError: there was no connection in time.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError as err:
        raise InvalidSpecError(f"the URL of {what} is not valid") from err
    if not host:
        raise InvalidSpecError(f"the URL of {what} has no host")
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as err:
        raise UnavailableError(
            f"{what} cannot be reached at {host}:{port}, check its address and the network to it"
        ) from err
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
