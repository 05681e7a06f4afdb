"""The endpoints of a manager on their addresses; imported when there are any, for an HTTP server takes 2 MB."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from reconcile.address import Check, parse_address
from reconcile.client import Client
from reconcile.delegatedauth import DelegatedAuth
from reconcile.server import Explained, HttpServer, Routes, debug_routes, health_routes, metrics_routes

__all__ = ["Shown", "servers"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the endpoints show.

    Attributes:
        registry: on `metrics`.
        health: checks of `/healthz`.
        ready: checks of `/readyz`.
        controllers: on `debug`.
        informers: on `debug`.
        reviewer: asks the API server who may read what is guarded.
        guarded: of `metrics` and `debug`, those that only callers may read whom the API server allows it.
    """

    registry: CollectorRegistry
    health: Mapping[str, Check]
    ready: Mapping[str, Check]
    controllers: Callable[[], Sequence[Explained]]
    informers: Callable[[], list[dict[str, Any]]]
    reviewer: Client
    guarded: frozenset[str] = frozenset()


def servers(
    addresses: Mapping[str, str], shown: Shown, tls: Mapping[str, ssl.SSLContext | None]
) -> dict[str, HttpServer]:
    """A server for each address that says to listen, not started yet.

    Args:
        addresses: of `metrics`, `health` and `debug`; several may be the same.
        shown: what to serve.
        tls: serve HTTPS at the address of these.
    """
    reviews = DelegatedAuth(shown.reviewer)
    authorize = dict.fromkeys(shown.guarded, reviews)
    routes: dict[str, Routes] = {
        "metrics": metrics_routes(shown.registry, authorize=authorize.get("metrics")),
        "health": health_routes(health=shown.health, ready=shown.ready),
        "debug": debug_routes(shown.controllers, shown.informers, authorize=authorize.get("debug")),
    }
    by_address: dict[str, dict[str, Any]] = {}
    for endpoint, address in addresses.items():
        if parse_address(address) is not None:
            by_address.setdefault(address, {}).update(routes[endpoint])
    contexts = {addresses[endpoint]: context for endpoint, context in tls.items() if context is not None}
    return {address: HttpServer(address, merged, tls=contexts.get(address)) for address, merged in by_address.items()}
