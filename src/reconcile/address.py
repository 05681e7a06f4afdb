"""Listen addresses, and the checks that are answered on them."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

__all__ = ["Check", "is_loopback", "parse_address"]

Check = Callable[[], str | Awaitable[str | None] | None]
"""Returns what is wrong, or None when all is well. Must answer within a probe's timeout."""


def parse_address(address: str) -> tuple[str | None, int] | None:
    """Host and port of a Go style listen address; None when it says not to listen (`""` or `"0"`).

    `:8080` listens on all interfaces, IPv4 and IPv6; `127.0.0.1:0` takes any free port.

    Raises:
        ValueError: it is not an address.
    """
    if address in ("", "0"):
        return None
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{address!r} is not a listen address, want host:port or :port")
    return (host.strip("[]") or None), int(port)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches a listen address; also true when it says not to listen.

    Raises:
        ValueError: it is not an address.
    """
    parsed = parse_address(address)
    if parsed is None or parsed[0] == "localhost":
        return True
    try:
        return ipaddress.ip_address(parsed[0] or "::").is_loopback
    except ValueError:
        return False
