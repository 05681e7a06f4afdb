"""The small HTTP servers of a process: `/metrics`, `/healthz`, `/readyz`, and `/debug/reconcile`."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from reconcile.address import Check, parse_address
from reconcile.api.request import Request
from reconcile.listener import Listener
from reconcile.metrics import CONTENT_TYPE, render

__all__ = [
    "Explained",
    "HttpServer",
    "Routes",
    "debug_routes",
    "health_routes",
    "metrics_routes",
]

Routes = Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]


class HttpServer:
    """Serves GET requests to a few paths.

    Args:
        address: see `reconcile.address.parse_address`; it must say to listen.
        routes: path, as in aiohttp, to handler.
        tls: serve HTTPS.
    """

    def __init__(self, address: str, routes: Routes, *, tls: ssl.SSLContext | None = None) -> None:
        parsed = parse_address(address)
        if parsed is None:
            raise ValueError(f"{address!r} says not to listen")
        self._host, self._port = parsed
        self._tls = tls
        self._routes = dict(routes)
        self._listener: Listener | None = None

    @property
    def port(self) -> int:
        """The port it listens on; differs from the address when that asked for any free port."""
        return self._port if self._listener is None else self._listener.port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        app = web.Application()
        for path, handler in self._routes.items():
            app.router.add_get(path, handler)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        listener = Listener(runner, self._host, self._port, self._tls)
        await listener.start()
        self._listener = listener

    async def close(self) -> None:
        """Stop listening; requests in flight get a second."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()


def metrics_routes(
    registry: CollectorRegistry, *, authorize: Callable[[web.Request], Awaitable[None]] | None = None
) -> Routes:
    """`/metrics` of a registry.

    Args:
        registry: what to show.
        authorize: called first; raises an `aiohttp.web.HTTPException` to refuse.
    """

    async def metrics(request: web.Request) -> web.Response:
        if authorize is not None:
            await authorize(request)
        return web.Response(body=render(registry), headers={"Content-Type": CONTENT_TYPE})

    return {"/metrics": metrics}


def health_routes(*, health: Mapping[str, Check], ready: Mapping[str, Check]) -> Routes:
    """`/healthz` and `/readyz` with `?verbose`, `?exclude=<name>` and `/<name>`, as every Kubernetes component serves them.

    The mappings are read at each request, so checks may be added later.
    """
    return {
        "/healthz": _summary("healthz", health),
        "/healthz/{name}": _single(health),
        "/readyz": _summary("readyz", ready),
        "/readyz/{name}": _single(ready),
    }


def _summary(endpoint: str, checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        excluded = set(request.query.getall("exclude", []))
        lines: list[str] = []
        failed = False
        for name in sorted(checks):
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
                continue
            problem = await _run(checks[name])
            failed = failed or problem is not None
            lines.append(f"[+]{name} ok" if problem is None else f"[-]{name} failed: {problem}")
        if failed:
            return web.Response(status=500, text="\n".join([*lines, f"{endpoint} check failed", ""]))
        if "verbose" in request.query:
            return web.Response(text="\n".join([*lines, f"{endpoint} check passed", ""]))
        return web.Response(text="ok")

    return handler


def _single(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        check = checks.get(request.match_info["name"])
        if check is None:
            return web.Response(status=404, text="404 page not found\n")
        problem = await _run(check)
        return web.Response(text="ok") if problem is None else web.Response(status=500, text=f"{problem}\n")

    return handler


async def _run(check: Check) -> str | None:
    try:
        outcome = check()
        return await outcome if inspect.isawaitable(outcome) else outcome
    except Exception as error:  # noqa: BLE001 - a check that cannot say how things are has failed
        return f"the check failed: {type(error).__name__}"


class Explained(Protocol):
    """What the debug endpoint asks of a controller."""

    @property
    def name(self) -> str:
        """The controller's name."""
        ...

    def explain(self, request: Request) -> dict[str, Any] | None:
        """The track of one object."""
        ...

    def recent(self) -> list[Request]:
        """The objects that `explain` knows."""
        ...

    def summary(self) -> dict[str, Any]:
        """The controller in numbers."""
        ...


def debug_routes(
    controllers: Callable[[], Sequence[Explained]],
    informers: Callable[[], list[dict[str, Any]]],
    *,
    authorize: Callable[[web.Request], Awaitable[None]] | None = None,
) -> Routes:
    """`/debug/reconcile`: controllers and informers in numbers; with `?controller=&name=&namespace=&cluster=` one object.

    `?controller=` alone lists what is known of its objects, the latest first, up to `limit` (100).

    Args:
        controllers: what to explain.
        informers: in numbers.
        authorize: called first; raises an `aiohttp.web.HTTPException` to refuse.
    """

    async def handler(request: web.Request) -> web.Response:
        if authorize is not None:
            await authorize(request)
        query = request.query
        chosen = [c for c in controllers() if query.get("controller", c.name) == c.name]
        if "name" in query:
            key = Request(query.get("namespace", ""), query["name"], query.get("cluster", ""))
            return _json([track for c in chosen if (track := c.explain(key)) is not None])
        if "controller" in query:
            limit = int(query["limit"]) if query.get("limit", "").isdecimal() else 100
            return _json([c.explain(key) for c in chosen for key in reversed(c.recent()[-limit:])])
        return _json({"controllers": [c.summary() for c in chosen], "informers": informers()})

    return {"/debug/reconcile": handler}


def _json(body: Any) -> web.Response:
    encoded = msgspec.json.format(msgspec.json.encode(body), indent=2)
    return web.Response(body=encoded + b"\n", content_type="application/json")
