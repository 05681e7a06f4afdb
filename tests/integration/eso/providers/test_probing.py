"""The probe of a vendor's address, against sockets on loopback."""

from __future__ import annotations

import asyncio

import pytest

from eso.errors import InvalidSpecError, UnavailableError
from eso.providers.probing import tcp_probe


async def test_something_that_listens_is_enough() -> None:
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await tcp_probe(f"https://127.0.0.1:{port}/path?query", "the vendor")
        await connected.wait()
    with pytest.raises(UnavailableError, match=f"the vendor cannot be reached at 127.0.0.1:{port}"):
        await tcp_probe(f"http://127.0.0.1:{port}", "the vendor")


async def test_a_url_without_port_means_443() -> None:
    with pytest.raises(UnavailableError, match=r"at 127\.0\.0\.1:443,"):
        await tcp_probe("http://127.0.0.1", "the vendor")


@pytest.mark.parametrize("url", ["", "vendor.example.com", "https://", "https://host:port", "https://[x"])
async def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(InvalidSpecError):
        await tcp_probe(url, "the vendor")
