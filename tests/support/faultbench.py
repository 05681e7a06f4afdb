"""Subjects of the contract suite for providers whose server stands behind a `Gate`."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
from prometheus_client import CollectorRegistry

from eso.api.meta_v1 import RetrySettings
from eso.providers.base import Provider, SecretsClient, StoreContext
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.testing import impatient
from eso.stores.context import StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader
from reconcile.client.client import Client

__all__ = ["SILENT", "Connector", "connector", "patience_for", "trusting"]

SILENT = ("timeout", "half-open")
"""Faults at which a client waits."""


@dataclass
class Connector:
    """Makes clients of one store in namespace `app`, each with sessions of its own and without shared answers."""

    provider: Provider[Any]
    spec: Mapping[str, Any]
    kube: Client
    seconds: float
    ca: bytes | None = None
    opened: list[StoreClientContext] = field(default_factory=list)

    async def __call__(self) -> SecretsClient:
        metrics = ProviderCallMetrics(CollectorRegistry())
        context = StoreClientContext(
            StoreIdentity("SecretStore", "app", "store"),
            "app",
            reader=CredentialReader(self.kube, memo=0.0),
            kube=self.kube,
            calls=lambda name: DirectCalls(name, metrics),
            retry_settings=RetrySettings(max_retries=0),
        )
        self.opened.append(context)
        spec = self.provider.spec_type.model_validate(self.spec)
        patient = context if self.ca is None else cast(StoreContext, _Rooted(context, self.ca))
        return await self.provider.new_client(spec, impatient(patient, self.seconds))


class _Rooted:
    """A context whose sessions trust these roots where the store has no field for them, instead of the system's."""

    def __init__(self, context: StoreContext, ca: bytes) -> None:
        self._context = context
        self._ca = ca

    def http(self, base_url: str = "", *, ca: bytes | None = None, **options: Any) -> aiohttp.ClientSession:
        return self._context.http(base_url, ca=ca or self._ca, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@asynccontextmanager
async def connector(
    provider: Provider[Any], spec: Mapping[str, Any], kube: Client, fault: str = "", *, ca: bytes | None = None
) -> AsyncIterator[Connector]:
    """The connector; its sessions are closed at the end. Its clients do not wait long when the fault is that nothing comes.

    Args:
        provider: of the clients.
        spec: of the store, under the key of the provider.
        kube: where credentials are.
        fault: that the clients will meet.
        ca: PEM of roots that take the place of the system's.
    """
    found = Connector(provider, spec, kube, patience_for(fault), ca)
    try:
        yield found
    finally:
        for context in found.opened:
            await context.sessions.close()


def patience_for(fault: str) -> float:
    """Seconds that a client waits for an answer."""
    return 0.5 if fault in SILENT else 10.0


def trusting(ca: bytes) -> str:
    """A `caBundle`."""
    return base64.b64encode(ca).decode()
