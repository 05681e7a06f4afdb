"""The HTTP endpoints over loopback sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from reconcile.address import Check, parse_address
from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.request import Request
from reconcile.client import Client
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.metrics import ExactCounter, render
from reconcile.server import HttpServer, health_routes, metrics_routes
from reconcile.testing.apiserver.requests import User
from reconcile.testing.apiserver.server import ApiServer
from reconcile.webhook import CertificateBundle, Policy, ServingCertificate, renewed


@asynccontextmanager
async def _served(routes: Any) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    server = HttpServer("127.0.0.1:0", routes)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with session.get(url) as response:
        return response.status, await response.text()


async def _late() -> str | None:
    return "later"


def _fails() -> str | None:
    raise KeyError("s3cret")


async def test_health_endpoints_answer_as_kubernetes_components_do() -> None:
    ready: dict[str, Check] = {"a": lambda: None, "b": lambda: "not yet"}
    async with _served(health_routes(health={"ping": lambda: None}, ready=ready)) as (session, url):
        assert await _get(session, f"{url}/healthz") == (200, "ok")
        assert await _get(session, f"{url}/healthz?verbose") == (200, "[+]ping ok\nhealthz check passed\n")
        assert await _get(session, f"{url}/readyz") == (500, "[+]a ok\n[-]b failed: not yet\nreadyz check failed\n")
        assert await _get(session, f"{url}/readyz/a") == (200, "ok")
        assert await _get(session, f"{url}/readyz/b") == (500, "not yet\n")
        assert (await _get(session, f"{url}/readyz/c"))[0] == 404
        assert await _get(session, f"{url}/readyz?exclude=b") == (200, "ok")
        ready["b"] = lambda: None
        assert await _get(session, f"{url}/readyz") == (200, "ok")
        ready["c"] = _late
        assert (await _get(session, f"{url}/readyz/c")) == (500, "later\n")
        ready["c"] = _fails
        assert (await _get(session, f"{url}/readyz/c")) == (500, "the check failed: KeyError\n")


async def test_metrics_look_as_those_of_go() -> None:
    registry = CollectorRegistry()
    ExactCounter("calls_count", "Without series.", ["b", "a"], registry=registry)
    Histogram("z", "Labels by name, `le` last.", ["name", "a"], buckets=[1], registry=registry).labels(
        "n", "x"
    ).observe(2)
    assert render(registry).decode().splitlines() == [
        "# HELP calls_count Without series.",
        "# TYPE calls_count counter",
        "# HELP z Labels by name, `le` last.",
        "# TYPE z histogram",
        'z_bucket{a="x",name="n",le="1"} 0',
        'z_bucket{a="x",name="n",le="+Inf"} 1',
        'z_count{a="x",name="n"} 1',
        'z_sum{a="x",name="n"} 2',
    ]


async def test_metrics_keep_their_names_and_have_no_created_series() -> None:
    registry = CollectorRegistry()
    Counter("good_total", "With suffix.", registry=registry).inc()
    ExactCounter("sync_calls_error", "Without.", ["name"], registry=registry).labels('a"b\n').inc(2)
    Gauge("x_created", "A gauge that is called so.", registry=registry).set(1.5)
    async with _served(metrics_routes(registry)) as (session, url), session.get(f"{url}/metrics") as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (await response.text()).splitlines() == [
            "# HELP good_total With suffix.",
            "# TYPE good_total counter",
            "good_total 1",
            "# HELP sync_calls_error Without.",
            "# TYPE sync_calls_error counter",
            'sync_calls_error{name="a\\"b\\n"} 2',
            "# HELP x_created A gauge that is called so.",
            "# TYPE x_created gauge",
            "x_created 1.5",
        ]


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("", None),
        ("0", None),
        (":8080", (None, 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9", ("::1", 9)),
    ],
)
def test_addresses_are_those_of_go(address: str, parsed: tuple[str | None, int] | None) -> None:
    assert parse_address(address) == parsed


@pytest.mark.parametrize("address", ["8080", "host", "host:http", ":99999"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not a listen address"):
        parse_address(address)


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    first = HttpServer("127.0.0.1:0", {})
    await first.start()
    try:
        with pytest.raises(OSError, match="address already in use"):
            await HttpServer(f"127.0.0.1:{first.port}", {}).start()
    finally:
        await first.close()


async def test_a_manager_serves_everything_at_one_address() -> None:
    async with ApiServer(listen=False) as server:
        address = "127.0.0.1:0"
        manager = Manager(
            Client(server.transport),
            metrics_address=address,
            health_address=address,
            debug_address=address,
            handle_signals=False,
        )
        seen = asyncio.Event()

        async def note(request: Request) -> None:
            if request.name == "a":
                seen.set()

        manager.add(Controller(ConfigMap, note))
        task = asyncio.create_task(manager.run())
        await manager.started.wait()
        url = f"http://127.0.0.1:{manager.port('metrics')}"
        await Client(server.transport).create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
        await asyncio.wait_for(seen.wait(), 5)
        async with aiohttp.ClientSession() as session:
            assert await _get(session, f"{url}/readyz") == (200, "ok")
            _, metrics = await _get(session, f"{url}/metrics")
            for series in (
                'controller_runtime_reconcile_total{controller="configmap",result="error"} 0',
                'controller_runtime_max_concurrent_reconciles{controller="configmap"} 32',
                'workqueue_depth{controller="configmap",name="configmap",priority=""} 0',
                'controller_runtime_reconcile_time_seconds_bucket{controller="configmap",le="0.005"}',
                "process_cpu_seconds_total",
                "reconcile_event_loop_lag_seconds",
            ):
                assert series in metrics
            async with session.get(f"{url}/debug/reconcile?controller=configmap&namespace=default&name=a") as response:
                (track,) = await response.json()
            assert track["runs"][0]["result"] == "success"
            async with session.get(f"{url}/debug/reconcile?controller=configmap") as response:
                assert track["request"] in [entry["request"] for entry in await response.json()]
            async with session.get(f"{url}/debug/reconcile") as response:
                overview = await response.json()
            assert overview["controllers"][0]["name"] == "configmap"
            assert overview["informers"][0]["synced"] is True
        manager.stop()
        await task


@pytest.mark.parametrize(("endpoint", "path"), [("metrics", "/metrics"), ("debug", "/debug/reconcile")])
async def test_only_those_may_read_whom_the_api_server_allows_it(endpoint: str, path: str) -> None:
    bundle = renewed(CertificateBundle(), Policy("metrics", ["localhost"]), datetime.now(UTC))
    serving = ServingCertificate()
    serving.load(bundle)
    async with ApiServer(
        listen=False, tokens={"root": User("root", groups=("system:masters",)), "bob": "bob"}, rbac=True
    ) as api:
        guarded: dict[str, Any] = {
            f"{endpoint}_address": "127.0.0.1:0",
            f"{endpoint}_tls": serving.context,
            f"{endpoint}_auth": True,
        }
        manager = Manager(Client(api.transport_for("root")), handle_signals=False, **guarded)
        task = asyncio.create_task(manager.run())
        await manager.started.wait()
        url = f"https://localhost:{manager.port(endpoint)}{path}"
        context = ssl.create_default_context(cadata=bundle.ca.decode())
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            answers = {}
            for token in ("root", "bob", "nobody", ""):
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                async with session.get(url, headers=headers) as response:
                    answers[token] = response.status
            assert answers == {"root": 200, "bob": 403, "nobody": 401, "": 401}
            fault = api.faults.add(lambda request: True, status=500)
            async with session.get(url, headers={"Authorization": "Bearer root"}) as response:
                assert response.status == 200  # known for a minute
            api.faults.remove(fault)
        manager.stop()
        await task


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"debug_address": ":8083"}, "can be reached from outside"),
        ({"debug_address": "0.0.0.0:8083"}, "can be reached from outside"),
        ({"debug_address": "[::]:8083"}, "can be reached from outside"),
        ({"debug_address": "pod.example.com:8083"}, "can be reached from outside"),
        ({"debug_address": ":8083", "debug_auth": True}, "debug_auth requires debug_tls"),
        ({"debug_address": ":8083", "debug_auth": False}, ""),
        ({"debug_address": "127.0.0.2:8083"}, ""),
        ({"debug_address": "[::1]:8083"}, ""),
        ({"debug_address": "localhost:8083"}, ""),
        ({"debug_address": "0"}, ""),
    ],
)
async def test_debug_is_not_shown_to_the_world_unless_that_is_said(options: dict[str, Any], complaint: str) -> None:
    async with ApiServer(listen=False) as api:
        if not complaint:
            Manager(Client(api.transport), **options)
            return
        with pytest.raises(ValueError, match=complaint):
            Manager(Client(api.transport), **options)


async def test_one_address_speaks_http_or_https() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with ApiServer(listen=False) as api:
        client = Client(api.transport)
        with pytest.raises(ValueError, match="metrics over HTTPS needs an address of its own"):
            Manager(client, metrics_address=":8080", health_address=":8080", metrics_tls=context)
        with pytest.raises(ValueError, match="debug over HTTPS needs an address of its own"):
            Manager(client, debug_address=":8080", health_address=":8080", debug_tls=context, debug_auth=True)
        shared: dict[str, Any] = {
            "metrics_tls": context,
            "debug_tls": context,
            "metrics_auth": True,
            "debug_auth": True,
        }
        Manager(client, metrics_address=":8080", debug_address=":8080", **shared)


async def test_tokens_over_plain_http_are_refused_from_the_start() -> None:
    async with ApiServer(listen=False) as api:
        with pytest.raises(ValueError, match="metrics_auth requires metrics_tls"):
            Manager(Client(api.transport), metrics_address="127.0.0.1:0", metrics_auth=True)
