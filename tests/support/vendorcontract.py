"""Subjects of the contract suite for providers whose vendor is a `TokenServer`: one `Vendor` describes a provider's backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from eso.providers.base import Provider
from eso.providers.testing import Subject
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.faultbench import connector
from tests.support.gate import Gate
from tests.support.vendors.tokenserver import TokenServer, serving

__all__ = ["NOT_MISSING", "REF", "VALUE", "Vendor", "backend", "refusing"]

VALUE = '{"user":"ann","password":"canary-value"}'
"""What secret `DB` of a vendor holds, unless its `Vendor` says otherwise."""

REF = {"name": "credentials", "key": "token"}
"""Where a store finds `Vendor.token`."""

DATABASE: dict[str, Any] = {
    "key": "DB",
    "missing": "NONE",
    "value": VALUE.encode(),
    "property_name": "password",
    "property_value": b"canary-value",
}

_NO_SESSION = "the token in the Secret is the credential, there is no session"

_ABSENT = "a secret that is not there is a plain error, so that nothing is deleted"

NOT_MISSING = {"misses absent secrets": _ABSENT, "extracts": _ABSENT, "serves many at once": _ABSENT}
"""Checks that a provider cannot pass which, as upstream, does not tell an absent secret from other errors."""


@dataclass
class Vendor:
    """A vendor's server, how a store points to it, and what ends its credentials.

    Attributes:
        server: speaks the vendor's API and knows secret `DB` with `VALUE`, unless `more` says otherwise.
        provider: the provider under test, whose vendor is at this URL.
        spec: what the store says, `spec.provider.<name>`; the gate has the URL and the CA.
        token: the credential, as key `token` of Secret `credentials`.
        secrets: further keys of that Secret.
        expire: ends sessions that were got by signing in; None where there are none.
        refuse: makes the vendor refuse the credentials while it is entered; None answers 401 to every request.
        exempt: faults that cannot happen to this vendor -> why.
        more: arguments of the Subject that differ from secret `DB` with properties `user` and `password`.
    """

    server: TokenServer
    provider: Callable[[str], Provider[Any]]
    spec: Callable[[Gate], dict[str, Any]]
    token: str
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    expire: Callable[[], None] | None = None
    refuse: Callable[[], AbstractAsyncContextManager[None]] | None = None
    exempt: Mapping[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def _signed_out(expire: Callable[[], None]) -> AsyncIterator[None]:
    expire()
    yield


@asynccontextmanager
async def refusing(server: TokenServer) -> AsyncIterator[None]:
    """The credentials of the store are no longer valid."""
    server.fault = (401, {}, b"canary-value")
    try:
        yield
    finally:
        server.fault = None


@asynccontextmanager
async def backend(vendor: Vendor, fault: str = "") -> AsyncIterator[Subject]:
    """A running vendor behind a gate, and a store of namespace `app` that uses it."""
    async with (
        serving(vendor.server),
        Gate(vendor.server.url, "canary-value") as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"token": vendor.token.encode(), **vendor.secrets}
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data=data))
        provider = vendor.provider(gate.url)
        failures: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
            **gate.failures,
            "rotated credentials": vendor.refuse or partial(refusing, vendor.server),
        }
        exempt = dict(vendor.exempt)
        if vendor.expire is not None:
            failures["expired token"] = partial(_signed_out, vendor.expire)
        else:
            exempt["expired token"] = _NO_SESSION
        async with connector(provider, vendor.spec(gate), kube, fault, ca=gate.ca) as connect:
            yield Subject(
                provider,
                connect,
                credentials=[b"canary", b"PRIVATE KEY"],
                failures=failures,
                exempt=exempt,
                **{**DATABASE, **vendor.more},
            )
