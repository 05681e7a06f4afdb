"""The operator inside the test's process, on an embedded control plane without sockets."""

from __future__ import annotations

import asyncio
import base64
import functools
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from eso.cli.crds import all_crds
from eso.cli.operator import build_operator
from eso.providers.registry import ProviderRegistry
from eso.settings import ControllerSettings, MetricsSettings
from reconcile.client.client import Client
from reconcile.client.transport import Response, Stream, Transport
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from reconcile.testing.running import running
from tests.support.shelf import ShelfProvider, TokenProvider

__all__ = ["Bench", "Space", "bench", "settings"]

VERSION = "external-secrets.io/v1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_QUIET = 0.06


@functools.cache
def _definitions() -> list[dict[str, Any]]:
    return all_crds()


def settings(**flags: Any) -> ControllerSettings:
    """Settings without listeners."""
    return ControllerSettings(metrics=MetricsSettings(metrics_addr="0"), live_addr="0", **flags)


class _Recorder:
    """A transport that remembers what was written."""

    def __init__(self, inner: Transport, seen: list[tuple[str, str]]) -> None:
        self._inner = inner
        self._seen = seen

    @property
    def host(self) -> str:
        return self._inner.host

    async def request(self, method: str, path: str, **options: Any) -> Response:
        if method != "GET":
            self._seen.append((method, path))
        return await self._inner.request(method, path, **options)

    def stream(self, method: str, path: str, **options: Any) -> AbstractAsyncContextManager[Stream]:
        return self._inner.stream(method, path, **options)

    async def close(self) -> None:
        await self._inner.close()


@dataclass
class Bench:
    """An API server with the operator's kinds on it.

    Attributes:
        server: the control plane.
        client: the test's own, as administrator.
        registry: metrics of the operator.
        shelf: the provider `fake`.
        requests: method and path of what the operator has asked the API server, without reads.
        ahead: how far the operator's wall clock is ahead.
    """

    server: ApiServer
    client: Client
    registry: CollectorRegistry | None = None
    shelf: ShelfProvider = field(default_factory=ShelfProvider)
    requests: list[tuple[str, str]] = field(default_factory=list)
    ahead: timedelta = timedelta()
    numbers: Any = field(default_factory=itertools.count)

    def now(self) -> datetime:
        """The operator's wall clock."""
        return datetime.now(UTC) + self.ahead

    async def space(self, **labels: str) -> Space:
        """A namespace of its own for a test."""
        name = f"space-{next(self.numbers)}"
        await self.client.raw("POST", "/api/v1/namespaces", body={"metadata": {"name": name, "labels": labels}})
        return Space(self, name)

    @asynccontextmanager
    async def operator(self, **flags: Any) -> AsyncIterator[None]:
        """Run the operator for the length of the block."""
        registry = ProviderRegistry({})
        registry.add(self.shelf)
        registry.add(TokenProvider())
        client = Client(_Recorder(self.server.transport, self.requests))
        manager = build_operator(client, settings(**flags), registry=registry, clock=self.now, handle_signals=False)
        self.registry = manager.registry
        async with running(manager):
            yield

    def metric(self, sample: str, /, **labels: str) -> float | None:
        """A sample of the operator's metrics."""
        assert self.registry is not None
        return self.registry.get_sample_value(sample, labels)

    async def settled(self) -> None:
        """Wait until no controller has done or has to do anything for a moment."""
        assert self.registry is not None
        loop = asyncio.get_running_loop()
        last, since = self._work(), loop.time()
        deadline = since + 5
        while loop.time() - since < _QUIET or last[1]:
            await asyncio.sleep(0.005)
            seen = self._work()
            if seen != last or seen[1]:
                last, since = seen, loop.time()
            assert loop.time() < deadline, f"the operator does not come to rest: {seen}"

    def _work(self) -> tuple[float, float]:
        assert self.registry is not None
        done = busy = 0.0
        for metric in self.registry.collect():
            for sample in metric.samples:
                if sample.name == "controller_runtime_reconcile_total":
                    done += sample.value
                elif sample.name in ("controller_runtime_active_workers", "workqueue_depth"):
                    busy += sample.value
        return done, busy


@dataclass
class Space:
    """A namespace of one test, and what a user of it does."""

    bench: Bench
    namespace: str

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of the operator's writes in this namespace, events left out."""
        prefix = f"/namespaces/{self.namespace}/"
        return [
            (method, path.partition(prefix)[2])
            for method, path in self.bench.requests
            if prefix in path and "/events" not in path
        ]

    @property
    def reads(self) -> int:
        """How often the provider was asked from here."""
        return self.bench.shelf.reads[self.namespace]

    def shelve(self, **values: str | bytes | Exception) -> None:
        """Set the provider's values of this namespace; underscores in names stay."""
        self.bench.shelf.values[self.namespace] = dict(values)

    async def request(self, method: str, resource: str, name: str = "", body: Any = None, **options: Any) -> Any:
        """A request about something in this namespace; `resource` as in `v1/secrets` or `group/version/plural`."""
        base = f"/api/{resource}" if resource.startswith("v1/") else f"/apis/{resource}"
        version, _, plural = base.rpartition("/")
        path = f"{version}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")
        return await self.bench.client.raw(method, path, body=body, **options)

    async def merge(self, resource: str, name: str, patch: Mapping[str, Any], **options: Any) -> Any:
        """A merge patch."""
        return await self.request(
            "PATCH", resource, name, patch, content_type="application/merge-patch+json", **options
        )

    async def store(self, name: str = "store", spec: Mapping[str, Any] | None = None, **values: str) -> None:
        """A SecretStore of the provider `fake`, with its values."""
        data = [{"key": key, "value": value} for key, value in values.items()]
        body = {
            "apiVersion": VERSION,
            "kind": "SecretStore",
            "metadata": {"name": name},
            "spec": {"provider": {"fake": {"data": data}}, **(spec or {})},
        }
        await self.request("POST", f"{VERSION}/secretstores", body=body)

    async def external_secret(
        self, name: str = "app", *, metadata: Mapping[str, Any] | None = None, **spec: Any
    ) -> Any:
        """Create an ExternalSecret that reads the key `k` of the store `store` unless its spec says otherwise."""
        body = {
            "apiVersion": VERSION,
            "kind": "ExternalSecret",
            "metadata": {"name": name, **(metadata or {})},
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"name": "store", "kind": "SecretStore"},
                **({} if "dataFrom" in spec else {"data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]}),
                **spec,
            },
        }
        return await self.request("POST", f"{VERSION}/externalsecrets", body=body)

    async def edit(self, name: str = "app", **spec: Any) -> Any:
        """Merge into the spec of an ExternalSecret."""
        return await self.merge(f"{VERSION}/externalsecrets", name, {"spec": spec})

    async def get(self, name: str = "app") -> Any:
        """An ExternalSecret."""
        return await self.request("GET", f"{VERSION}/externalsecrets", name)

    async def ready(self, name: str = "app") -> tuple[str, str, str]:
        """Status, reason and message of the Ready condition."""
        conditions = (await self.get(name)).get("status", {}).get("conditions") or []
        found = [(c["status"], c["reason"], c.get("message", "")) for c in conditions if c["type"] == "Ready"]
        assert len(found) <= 1, conditions
        return found[0] if found else ("", "", "")

    async def reaches(self, *wanted: str, name: str = "app") -> str:
        """Wait for status, reason and message of the Ready condition, the message by its beginning; return the message."""
        seen: tuple[str, str, str] = ("", "", "")

        async def check() -> bool:
            nonlocal seen
            seen = await self.ready(name)
            matches = seen[: len(wanted) - 1] == wanted[:-1] if len(wanted) == 3 else seen[: len(wanted)] == wanted
            assert matches and (len(wanted) < 3 or seen[2].startswith(wanted[2])), seen
            return True

        await eventually(check)
        return seen[2]

    async def synced(self, name: str = "app") -> None:
        """Wait for the exact condition of a success."""
        assert await self.reaches("True", "SecretSynced", "secret synced", name=name) == "secret synced"

    async def secret(self, name: str = "app") -> Any:
        """A Secret."""
        return await self.request("GET", "v1/secrets", name)

    async def data(self, name: str = "app") -> dict[str, bytes]:
        """The decoded data of a Secret."""
        found = (await self.secret(name)).get("data") or {}
        return {key: base64.b64decode(value) for key, value in found.items()}

    async def has(self, name: str = "app") -> bool:
        """Whether a Secret exists."""
        listed = await self.request("GET", "v1/secrets")
        return any(one["metadata"]["name"] == name for one in listed["items"])

    async def becomes(self, wanted: Mapping[str, bytes], name: str = "app") -> None:
        """Wait until the data of a Secret is this."""

        async def check() -> bool:
            seen = await self.data(name)
            assert seen == wanted, seen
            return True

        await eventually(check)

    async def create_secret(self, name: str = "app", *, metadata: Mapping[str, Any] | None = None, **data: str) -> Any:
        """Create a Secret as somebody else."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body = {"metadata": {"name": name, **(metadata or {})}, "data": encoded}
        return await self.request("POST", "v1/secrets", body=body, query={"fieldManager": "somebody"})

    async def events(self, name: str = "app") -> list[tuple[str, str, str]]:
        """Type, reason and message of the events about an object, oldest first."""
        listed = (await self.request("GET", "v1/events"))["items"]
        mine = [one for one in listed if one["involvedObject"]["name"] == name]
        return [(one["type"], one["reason"], one["message"]) for one in mine]

    async def told(self, *wanted: str, name: str = "app") -> None:
        """Wait for an event; its message may be longer."""

        async def check() -> bool:
            seen = await self.events(name)
            assert any(one[:2] == wanted[:2] and wanted[2] in one[2] for one in seen), seen
            return True

        await eventually(check)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """An API server with the operator's definitions."""
    async with ApiServer(listen=False) as server:
        client = Client(server.transport, field_manager="test")
        for definition in _definitions():
            await client.raw("POST", DEFINITIONS, body=definition)
        yield Bench(server, client)
