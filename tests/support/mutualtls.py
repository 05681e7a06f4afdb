"""A vendor's server where it asks for a client certificate."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.support.keypairs import key_pair
from tests.support.loopback import serving
from tests.support.vendors.tokenserver import TokenServer

__all__ = ["over_mutual_tls"]


def _context(*, required: bool) -> ssl.SSLContext:
    """Shows the certificate of `key_pair` and asks for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = key_pair()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pair.pem").write_bytes(certificate + key)
        context.load_cert_chain(Path(folder, "pair.pem"))
    context.load_verify_locations(cadata=certificate.decode())
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


@asynccontextmanager
async def over_mutual_tls(vendor: TokenServer, *, required: bool = False) -> AsyncIterator[str]:
    """The URL at which the server has TLS.

    Args:
        vendor: answers.
        required: whether connections without certificate are refused.
    """
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", vendor.handle)
    async with serving(app, _context(required=required)) as url:
        yield url
