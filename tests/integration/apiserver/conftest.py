"""One suite, three servers: the embedded one without sockets, over HTTP, and a real kube-apiserver."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reconcile.client.config import Config
from reconcile.client.http import HttpTransport
from reconcile.client.transport import Transport
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from tests.support.controlplane import ROOT, ControlPlane, Unavailable, running_control_plane

SECRETS = "/api/v1/namespaces/{ns}/secrets"


class Api:
    """Raw requests to one server, inside a namespace of its own."""

    def __init__(self, transport: Transport, namespace: str, *, real: bool) -> None:
        self.transport = transport
        self.ns = namespace
        self.real = real

    def path(self, path: str) -> str:
        return path.format(ns=self.ns)

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        response = await self.transport.request(
            method, self.path(path), query=query, body=raw, content_type=content_type, accept=accept, timeout=15
        )
        try:
            return response.status, json.loads(response.body)
        except ValueError:
            return response.status, response.body.decode()

    async def ok(self, method: str, path: str, body: Any = None, **options: str) -> Any:
        status, answer = await self(method, path, body, **options)
        assert status < 300, answer
        return answer

    async def secret(self, name: str, **content: Any) -> Any:
        metadata = {"name": name, **content.pop("metadata", {})}
        return await self.ok("POST", SECRETS, {"metadata": metadata, **content})

    @asynccontextmanager
    async def watch(self, path: str, accept: str = "application/json", **query: str) -> AsyncIterator[Events]:
        query = {"watch": "true", "timeoutSeconds": "10", **query}
        async with self.transport.stream("GET", self.path(path), query=query, accept=accept, timeout=10) as stream:
            yield Events(stream.__aiter__())


class Events:
    """The events of a watch, one at a time."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(5):
            while b"\n" not in self._buffer:
                self._buffer += await anext(self._chunks)
        line, _, self._buffer = self._buffer.partition(b"\n")
        event = json.loads(line)
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        events = [await self.next() for _ in range(count)]
        return [(kind, obj["metadata"]["name"]) for kind, obj in events]


def control_plane_is_at_hand() -> bool:
    built = ROOT / ".cache" / "controlplane"
    return bool(os.environ.get("KUBEBUILDER_ASSETS") or os.environ.get("CI") == "true" or any(built.glob("*/etcd")))


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    if not control_plane_is_at_hand():
        pytest.skip("no kube-apiserver: set KUBEBUILDER_ASSETS, or run `python -m tests.support.controlplane` once")
    try:
        with running_control_plane() as plane:
            yield plane
    except Unavailable as err:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(err))


@pytest.fixture(params=["in-process", "http", pytest.param("real", marks=pytest.mark.controlplane)])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    namespace = f"t-{uuid.uuid4().hex[:10]}"
    if request.param == "real":
        plane: ControlPlane = request.getfixturevalue("control_plane")
        transport: Transport = HttpTransport(Config(server=plane.url, token=plane.token, ca_file=str(plane.ca_file)))
        async with _in_namespace(transport, namespace, real=True) as api:
            yield api
        return
    async with ApiServer(listen=request.param == "http") as server:
        transport = HttpTransport(server.config) if request.param == "http" else server.transport
        async with _in_namespace(transport, namespace, real=False) as api:
            yield api


@asynccontextmanager
async def _in_namespace(transport: Transport, namespace: str, *, real: bool) -> AsyncIterator[Api]:
    api = Api(transport, namespace, real=real)
    await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    try:
        yield api
    finally:
        if real:
            await api("DELETE", f"/api/v1/namespaces/{namespace}")
        await transport.close()


def crd(group: str, **version: Any) -> dict[str, Any]:
    """A namespaced Widget with a spec of two fields."""
    spec = {
        "type": "object",
        "required": ["color"],
        "properties": {
            "color": {"type": "string", "enum": ["red", "green"]},
            "size": {"type": "integer", "default": 1},
        },
        "x-kubernetes-validations": [{"rule": "self.size < 10", "message": "too big"}],
    }
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    first = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
        },
        "selectableFields": [{"jsonPath": ".spec.color"}],
        "additionalPrinterColumns": [
            {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        ],
        **version,
    }
    second = {**first, "name": "v1beta1", "storage": False}
    names = {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [first, second]},
    }


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Widgets:
    """A CustomResourceDefinition of its own group, and requests to its objects."""

    def __init__(self, api: Api, group: str) -> None:
        self.api = api
        self.group = group
        self.path = f"/apis/{group}/v1/namespaces/{{ns}}/widgets"
        self.crd_path = f"{CRDS}/widgets.{group}"

    def body(self, name: str, **content: Any) -> dict[str, Any]:
        content.setdefault("spec", {"color": "red"})
        metadata = {"name": name, **content.pop("metadata", {})}
        return {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": metadata, **content}

    async def create(self, name: str, **content: Any) -> Any:
        return await self.api.ok("POST", self.path, self.body(name, **content))


@pytest.fixture
async def widgets(api: Api) -> AsyncIterator[Widgets]:
    kind = Widgets(api, f"g{uuid.uuid4().hex[:8]}.example.com")
    await api.ok("POST", CRDS, crd(kind.group))

    async def served() -> bool:
        definition = await api.ok("GET", kind.crd_path)
        conditions = {item["type"]: item["status"] for item in definition["status"].get("conditions") or ()}
        listed, _ = await api("GET", kind.path)
        return conditions.get("Established") == "True" and listed == 200

    await eventually(served, timeout=15)
    yield kind
    if api.real:
        await api("DELETE", kind.crd_path)
