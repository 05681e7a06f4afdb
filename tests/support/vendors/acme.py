"""Acme, the vendor of the example provider: secrets by name and version, behind a bearer token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from tests.support.loopback import serving

__all__ = ["TOKEN", "Acme", "acme"]

TOKEN: Final = "canary-acme-token"


class Acme:
    """What is stored, and how it fails.

    Attributes:
        url: where it listens.
        secrets: value by name and version (empty: the current one).
        status: answered to everything when it is not 200; the body then repeats all secrets, as careless vendors do.
        requests: paths, in order.
    """

    def __init__(self) -> None:
        self.url = ""
        self.secrets: dict[tuple[str, str], str] = {}
        self.status = 200
        self.requests: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text=request.headers.get("Authorization", ""))
        if self.status != 200:
            return web.Response(status=self.status, headers={"Retry-After": "7"}, text=repr(self.secrets))
        if request.path == "/v1/whoami":
            return web.Response(text="operator")
        found = self.secrets.get((request.query["name"], request.query.get("version", "")))
        return web.Response(status=404) if found is None else web.Response(text=found)


@asynccontextmanager
async def acme() -> AsyncIterator[Acme]:
    """The vendor on a free loopback port."""
    vendor = Acme()
    application = web.Application()
    application.router.add_get("/{path:.*}", vendor.answer)
    async with serving(application) as vendor.url:
        yield vendor
