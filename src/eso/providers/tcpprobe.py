"""Whether somebody listens at a vendor's address: the run-time check of stores that validate without signing in."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from eso.errors import InvalidSpecError, UnavailableError

__all__ = ["tcp_probe"]

_SECONDS: Final = 15.0
"""Source: External Secrets Operator waits as long."""


async def tcp_probe(url: str, who: str) -> None:
    """Connect to host and port of a URL, and hang up.

    Args:
        url: whose scheme says the port where it names none.
        who: the host in the words of a message, for example `the webhook's host`.

    Raises:
        InvalidSpecError: the URL has no host.
        UnavailableError: nobody accepts a connection within 15 s.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise InvalidSpecError(f"cannot connect to {who}: the URL names none")
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port or (80 if parts.scheme == "http" else 443))
    except (OSError, TimeoutError) as err:
        raise UnavailableError(f"cannot connect to {who} {host}, check its address and the network to it") from err
    writer.close()
