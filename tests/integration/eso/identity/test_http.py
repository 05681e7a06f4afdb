"""Requests of sign-ins to a server on loopback."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from aiohttp import web

from eso.identity.http import exchange
from tests.support.loopback import serving


async def test_names_of_headers_in_an_answer_are_found_in_any_case() -> None:
    def token_of(status: int, headers: Mapping[str, str], body: bytes) -> str:
        return headers["X-Subject-Token"]

    async def handle(request: web.Request) -> web.Response:
        # As a proxy writes it that speaks HTTP/2 to the server behind it.
        return web.Response(headers={"x-subject-token": "t-1"})

    app = web.Application()
    app.router.add_get("/", handle)
    async with serving(app) as url, aiohttp.ClientSession() as session:
        assert await exchange(token_of, session, "GET", url, "signing in") == "t-1"
