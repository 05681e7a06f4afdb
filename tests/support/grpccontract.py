"""Subjects of the contract suite for providers whose vendor is a `GrpcVendor`: one `GrpcBackend` describes a provider's backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc

from eso.providers.base import Provider
from eso.providers.testing import Subject
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.faultbench import connector, patience_for
from tests.support.keypairs import key_pair
from tests.support.switchboard import switchboard
from tests.support.vendors.grpcserver import HUGE, GrpcFault, GrpcVendor, serving_grpc

__all__ = ["REF", "GrpcBackend", "grpc_backend"]

REF = {"name": "credentials", "key": "token"}
"""Where a store finds the first of `GrpcBackend.secrets`."""

FAULTS = {
    "denied": GrpcFault(grpc.StatusCode.PERMISSION_DENIED),
    "throttled": GrpcFault(grpc.StatusCode.RESOURCE_EXHAUSTED, wait=7.0),
    "timeout": GrpcFault(delay=2.0),
    "malformed answer": GrpcFault(content=b"\xff canary-value"),
    "huge answer": GrpcFault(content=HUGE),
}


@dataclass
class GrpcBackend:
    """A vendor's server and how a store points to it.

    Attributes:
        server: speaks the vendor's API, and knows secret `db`.
        provider: the provider under test; given the address that it must use for each, and the seconds that it waits.
        spec: what the store says, given that address; a Secret `credentials` has the certificate to trust as `ca`.
        secrets: other keys of that Secret.
        refuse: makes the credentials of the store invalid while it is entered.
        more: arguments of the Subject.
        address: told the address that clients must use.
    """

    server: GrpcVendor
    provider: Callable[[str, float], Provider[Any]]
    spec: Callable[[str], dict[str, Any]]
    secrets: Mapping[str, bytes]
    refuse: Callable[[], AbstractAsyncContextManager[None]]
    more: dict[str, Any] = field(default_factory=dict)
    address: Callable[[str], None] = lambda address: None


@asynccontextmanager
async def _failing(server: GrpcVendor, fault: GrpcFault) -> AsyncIterator[None]:
    with server.failing(fault):
        yield


@asynccontextmanager
async def _signed_out(server: GrpcVendor) -> AsyncIterator[None]:
    server.tokens.clear()
    yield


@asynccontextmanager
async def grpc_backend(backend: GrpcBackend, fault: str = "") -> AsyncIterator[Subject]:
    """A running vendor behind a switchboard, and a store of namespace `app` that uses it."""
    async with (
        serving_grpc(backend.server, key_pair()),
        switchboard(int(backend.server.target.rpartition(":")[2])) as board,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        address = f"127.0.0.1:{board.port}"
        backend.address(address)
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"ca": key_pair()[0], **backend.secrets}
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data=data))
        provider = backend.provider(address, patience_for(fault))
        failures: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
            **{name: partial(_failing, backend.server, each) for name, each in FAULTS.items()},
            "half-open": board.silent,
            "wrong certificate": board.untrusted,
            "rotated credentials": backend.refuse,
            "expired token": partial(_signed_out, backend.server),
        }
        async with connector(provider, backend.spec(address), kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                missing="gone",
                credentials=[b"canary", b"PRIVATE KEY"],
                failures=failures,
                **backend.more,
            )
