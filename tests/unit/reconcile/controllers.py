"""A controller on informers whose watches are fed by hand: no API server, no sockets."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import Field

from reconcile.api.model import KubeObject, Model, Resource
from reconcile.cache import Cache
from reconcile.client import CachedClient, Client, Response
from reconcile.client.rest import path_of
from reconcile.client.transport import Stream
from reconcile.controller import Binding, Controller
from reconcile.metrics import ControllerMetrics, render
from reconcile.watches import Cluster
from reconcile.workqueue import QueueCollector

__all__ = ["Harness", "Team", "TeamStatus", "team"]


class TeamSpec(Model):
    members: list[str] = Field(default_factory=list)


class TeamStatus(Model):
    phase: str = ""
    foreign: str | None = None


class Team(KubeObject):
    resource = Resource("example.com", "v1", "Team", "teams")
    spec: TeamSpec = Field(default_factory=TeamSpec)
    status: TeamStatus = Field(default_factory=TeamStatus)


class Watched:
    """One open watch: objects that are there at its begin, and lines pushed later."""

    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, existing: list[dict[str, Any]], lines: asyncio.Queue[dict[str, Any]]) -> None:
        self._existing = existing
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for body in self._existing:
            yield _line({"type": "ADDED", "object": body})
        end = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
        yield _line({"type": "BOOKMARK", "object": {"metadata": end}})
        while True:
            yield _line(await self._lines.get())


def _line(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode() + b"\n"


class Answers:
    """A transport that gives prepared answers and keeps the requests; watches show what is pushed."""

    host = "answers"

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.answers: list[Mapping[str, Any]] = []
        self.existing: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.lines: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        self.requests.append((method, path, json.loads(body) if body else None))
        return Response(200, json.dumps(self.answers.pop(0)).encode())

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> AsyncIterator[Stream]:
        yield Watched(self.existing[path], self.lines[path])

    async def close(self) -> None:
        pass


def team(name: str = "a", version: int = 1, *, generation: int = 1, **parts: Any) -> dict[str, Any]:
    """A Team in JSON form; `metadata` parts are merged in."""
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": generation,
        **parts.pop("metadata", {}),
    }
    return {"apiVersion": "example.com/v1", "kind": "Team", "metadata": metadata, **parts}


class Harness:
    """One cluster, and controllers bound to it."""

    def __init__(self, name: str = "", registry: CollectorRegistry | None = None) -> None:
        self.transport = Answers()
        client = Client(self.transport)
        self.cache = Cache(client)
        self.client = CachedClient(client, self.cache)
        self.registry = registry if registry is not None else CollectorRegistry()
        self.binding = Binding(
            {name: Cluster(name, self.client, self.cache)}, ControllerMetrics(self.registry), QueueCollector()
        )

    @asynccontextmanager
    async def informers(self) -> AsyncIterator[None]:
        """Informers run inside of the block."""
        cache = asyncio.create_task(self.cache.run())
        await self.cache.wait_synced()
        try:
            yield
        finally:
            cache.cancel()
            await asyncio.wait([cache])

    @asynccontextmanager
    async def running(self, *controllers: Controller) -> AsyncIterator[None]:
        """The controllers and their informers run inside of the block."""
        for controller in controllers:
            controller.bind(self.binding)
        async with self.informers():
            tasks = [asyncio.create_task(controller.run()) for controller in controllers]
            try:
                yield
            finally:
                for controller in controllers:
                    controller.stop()
                await asyncio.gather(*tasks)

    def feed(self, body: dict[str, Any], kind: type[KubeObject] = Team, type_: str = "MODIFIED") -> None:
        """The watch shows this object."""
        self.transport.lines[path_of(kind.resource)].put_nowait({"type": type_, "object": body})

    def delete(self, body: dict[str, Any], kind: type[KubeObject] = Team) -> None:
        """The watch shows its deletion."""
        self.feed(body, kind, "DELETED")

    def metric(self, series: str) -> float | None:
        """The value of one series, written as it is scraped."""
        for line in render(self.registry).decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return None
