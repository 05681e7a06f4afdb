"""Between the operator and the API server: a proxy whose watches stall, whose answers fail, and whose certificates rotate."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from reconcile.listener import Listener
from tests.support.controlplane import ControlPlane
from tests.support.keypairs import new_key_pair

__all__ = ["Proxy"]

_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive", "host", "authorization", "date", "server"}
_SEEN_AFTER = 12.0
"""Seconds until every client has looked at its certificate files again; the operator looks every 10."""


class Proxy:
    """HTTPS on loopback in front of the API server; clients sign in with a certificate.

    Args:
        plane: where requests go, as administrator.
        rng: decides which request is hit.
        folder: of the certificates and the kubeconfig.

    Attributes:
        storm: answer this status to `share` of the requests; 0 to none.
        share: of the requests that a storm hits.
        moving: cleared, streams stand still while their connections stay open.
        answering: cleared, requests stand still too.
        seen: requests by kind, and faults.
    """

    def __init__(self, plane: ControlPlane, rng: random.Random, folder: Path) -> None:
        self._plane = plane
        self._rng = rng
        self._folder = folder
        self.storm = 0
        self.share = 0.7
        self.moving, self.answering = asyncio.Event(), asyncio.Event()
        self.moving.set()
        self.answering.set()
        self.seen: Counter[str] = Counter()
        self._open: dict[int, web.Request] = {}
        self._rotating = asyncio.Lock()
        self._serving, self._client = new_key_pair(), new_key_pair()
        self._port = 0
        self._listeners: list[Listener] = []

    @property
    def kubeconfig(self) -> Path:
        """The path of one that leads here."""
        return self._folder / "kubeconfig"

    def _write(self, ca: bytes, client: tuple[bytes, bytes]) -> None:
        for name, content in (("ca.crt", ca), ("client.crt", client[0]), ("client.key", client[1])):
            partial = self._folder / f".{name}"
            partial.write_bytes(content)
            partial.replace(self._folder / name)

    def _write_kubeconfig(self) -> None:
        config = yaml.safe_load(self._plane.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {
            "server": f"https://127.0.0.1:{self._port}",
            "certificate-authority": str(self._folder / "ca.crt"),
        }
        config["users"][0]["user"] = {
            "client-certificate": str(self._folder / "client.crt"),
            "client-key": str(self._folder / "client.key"),
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def cut(self) -> int:
        """Break every connection; how many there were."""
        for request in list(self._open.values()):
            if request.transport is not None:
                request.transport.abort()
        return len(self._open)

    async def rotate(self) -> None:
        """New certificates of server and clients, with overlap, as a cluster does it; at the end the old ones are worth nothing."""
        async with self._rotating:
            old_serving, old_client = self._serving, self._client
            self._serving, self._client = new_key_pair(), new_key_pair()
            trusted = self._serving[0] + old_serving[0]
            await self._listen(old_serving, old_client[0] + self._client[0])
            self._write(trusted, old_client)
            await asyncio.sleep(_SEEN_AFTER)
            await self._listen(self._serving, old_client[0] + self._client[0])
            self._write(trusted, self._client)
            await asyncio.sleep(_SEEN_AFTER)
            await self._listen(self._serving, self._client[0])
            self._write(self._serving[0], self._client)
            self.cut()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """On loopback."""
        context = ssl.create_default_context(cafile=str(self._plane.ca_file))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            self._session = session
            try:
                await self._listen(self._serving, self._client[0])
                self._write(self._serving[0], self._client)
                self._write_kubeconfig()
                yield
            finally:
                self.moving.set()
                self.answering.set()
                await asyncio.gather(*(listener.close() for listener in self._listeners))

    async def _listen(self, pair: tuple[bytes, bytes], clients: bytes) -> None:
        """Listen with another certificate, for other clients; what is open stays."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = self._folder / "proxy.pem"
        file.write_bytes(b"".join(pair))
        context.load_cert_chain(file)
        context.load_verify_locations(cadata=clients.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        if self._listeners:
            await self._listeners[-1].stop_accepting()
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        listener = Listener(runner, "127.0.0.1", self._port, context)
        await listener.start()
        self._port = listener.port
        self._listeners.append(listener)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self.answering.wait()
        if self.storm and self._rng.random() < self.share:
            self.seen[f"answered {self.storm}"] += 1
            return self._failure(self.storm)
        self.seen[request.method] += 1
        self._open[id(request)] = request
        try:
            return await self._forward(request)
        except (aiohttp.ClientError, OSError) as err:
            self.seen["unreachable"] += 1
            raise web.HTTPBadGateway(text=type(err).__name__) from err
        finally:
            del self._open[id(request)]

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        url = f"{self._plane.url}{request.raw_path}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        headers["Authorization"] = f"Bearer {self._plane.token}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._session.request(
            request.method, url, headers=headers, data=await request.read() or None, timeout=timeout
        ) as upstream:
            kept = {name: value for name, value in upstream.headers.items() if name.lower() not in _HOP}
            if "watch" not in request.query:
                return web.Response(status=upstream.status, headers=kept, body=await upstream.read())
            response = web.StreamResponse(status=upstream.status, headers=kept)
            await response.prepare(request)
            with suppress(ConnectionError, aiohttp.ClientError):
                async for chunk in upstream.content.iter_any():
                    await self.moving.wait()
                    await response.write(chunk)
            return response

    @staticmethod
    def _failure(status: int) -> web.Response:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "a storm"}
        headers = {"Retry-After": "1"} if status == 429 else {}
        return web.json_response(body, status=status, headers=headers)
