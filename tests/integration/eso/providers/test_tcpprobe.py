"""_shared.md, "TCP probe": a connection is enough, and none is an error that names the host."""

from __future__ import annotations

import asyncio

import pytest

from eso.errors import InvalidSpecError, UnavailableError
from eso.providers.tcpprobe import tcp_probe
from tests.support.loopback import accepting


async def test_whoever_listens_is_enough() -> None:
    seen: list[bytes] = []
    over = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read())
        writer.close()
        over.set()

    async with accepting(accept) as port:
        await tcp_probe(f"https://127.0.0.1:{port}/path", "the vendor's host")
        await asyncio.wait_for(over.wait(), 5)
    assert seen == [b""]
    with pytest.raises(UnavailableError, match=r"cannot connect to the vendor's host 127\.0\.0\.1"):
        await tcp_probe(f"https://127.0.0.1:{port}/path", "the vendor's host")


@pytest.mark.parametrize("url", ["", "host", "https://", "https://[::1", "https://host:port"])
async def test_a_url_without_host(url: str) -> None:
    with pytest.raises(InvalidSpecError, match="the vendor's host"):
        await tcp_probe(url, "the vendor's host")
