"""What benchmarks on a real control plane share: plain requests, and the figures of a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.support.controlplane import ControlPlane

CLIENTS = 16
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Api:
    """Plain requests to the API server, without the library under test."""

    http: aiohttp.ClientSession
    base: str

    async def call(self, method: str, path: str, body: object = None, *, kind: str = "application/json") -> dict:
        data = None if body is None else json.dumps(body)
        async with self.http.request(method, self.base + path, data=data, headers={"Content-Type": kind}) as answer:
            text = await answer.text()
            if answer.status >= 400 and answer.status != 409:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            return json.loads(text) if text.startswith("{") else {"text": text}

    async def requests_served(self) -> Counter[str]:
        """Requests the API server has served, by `VERB resource[/subresource]`, watches left out."""
        text = (await self.call("GET", "/metrics"))["text"]
        found: Counter[str] = Counter()
        for labels, value in re.findall(r"^apiserver_request_total\{([^}]*)\} (\S+)", text, re.M):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if pairs.get("verb") in ("WATCH", "CONNECT"):
                continue
            sub = f"/{pairs['subresource']}" if pairs.get("subresource") else ""
            found[f"{pairs['verb']} {pairs.get('resource', '')}{sub}"] += int(float(value))
        return found


async def in_parallel(count: int, work: Callable[[int], Awaitable[object]]) -> float:
    """Seconds for `count` calls from CLIENTS at once."""
    queue = iter(range(count))

    async def client() -> None:
        for number in queue:
            await work(number)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return time.perf_counter() - began


@dataclass
class Program:
    """A program under measurement."""

    process: asyncio.subprocess.Process

    def _stat(self) -> list[str]:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()

    @property
    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        fields = self._stat()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def rss(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@contextlib.asynccontextmanager
async def api_session(plane: ControlPlane) -> AsyncIterator[Api]:
    context = ssl.create_default_context(cafile=str(plane.ca_file))
    headers = {"Authorization": f"Bearer {plane.token}"}
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
        yield Api(http, plane.url)
