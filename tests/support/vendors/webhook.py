"""A web server as platform teams write it: values by path, an echo, and NTLM by pyspnego's acceptor."""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spnego
from aiohttp import web

from tests.support.keypairs import key_pair
from tests.support.loopback import serving

__all__ = ["Hook", "serving_hook"]

_NEGOTIATE = 1
"""Type of the first message of the handshake, at its ninth byte."""


@dataclass
class Hook:
    """Answers every request with `content`.

    Attributes:
        url: where it listens.
        ca: PEM of its certificate when it speaks TLS.
        status: of every answer.
        headers: of every answer.
        content: of every answer; None echoes the request's body.
        ntlm: whether it asks for NTLM.
        broken_challenge: what it sends instead of a challenge.
        requests: method, path with query, headers and body of every request that was let in.
        tries: every request, also those that were refused.
    """

    url: str = ""
    ca: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: str | bytes | None = ""
    ntlm: bool = False
    broken_challenge: str = ""
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    tries: int = 0
    _signing_in: dict[int, Any] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Let the request in, record and answer it."""
        self.tries += 1
        body = await request.read()
        if self.ntlm and not self._let_in(request):
            return self._challenge(request)
        self.requests.append((request.method, request.rel_url.raw_path_qs, dict(request.headers), body.decode()))
        content = body if self.content is None else self.content
        answer = content if isinstance(content, bytes) else content.encode()
        return web.Response(status=self.status, headers=self.headers, body=b"" if self.status == 304 else answer)

    def _let_in(self, request: web.Request) -> bool:
        """NTLM signs in a connection: the acceptor belongs to it."""
        context = self._signing_in.get(id(request.transport))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if context is None or scheme != "NTLM":
            return False
        try:
            context.step(base64.b64decode(token))
        except spnego.exceptions.SpnegoError:
            del self._signing_in[id(request.transport)]
            return False
        return bool(context.complete)

    def _challenge(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        offers = [("WWW-Authenticate", "Negotiate")]
        if self.broken_challenge:
            offers.append(("WWW-Authenticate", self.broken_challenge))
        elif scheme == "NTLM" and base64.b64decode(token)[8] == _NEGOTIATE:
            context = spnego.server(protocol="ntlm")
            answer = base64.b64encode(context.step(base64.b64decode(token)) or b"").decode()
            self._signing_in[id(request.transport)] = context
            offers.append(("WWW-Authenticate", f"NTLM {answer}"))
        else:
            offers.append(("WWW-Authenticate", "NTLM"))
        response = web.Response(status=401)
        for name, offer in offers:
            response.headers.add(name, offer)
        return response


@asynccontextmanager
async def serving_hook(hook: Hook, *, tls: bool = False) -> AsyncIterator[Hook]:
    """The server on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hook.handle)
    async with serving(app, _tls() if tls else None) as hook.url:
        hook.ca = key_pair()[0] if tls else b""
        yield hook


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(b"".join(key_pair()))
        context.load_cert_chain(file)
    return context
