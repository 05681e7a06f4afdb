"""Secret Manager, a cluster with a key, and stores that point to Google."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
import pytest
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.identity.gcp import GoogleEndpoints
from eso.providers.gcpsm.api import MESSAGE_LIMIT
from eso.providers.gcpsm.provider import GCPSMProvider
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.credentials import CredentialReader
from eso.stores.metrics import StoreMetrics
from reconcile.api.core_v1 import ConfigMap, Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.vendors.gcpsm import PROJECT, GoogleCloud, google_cloud, service_account_key

KEY = {"secretRef": {"secretAccessKeySecretRef": {"name": "credentials", "key": "key"}}}


class Cloud:
    """Google, a cluster, and stores."""

    def __init__(self, google: GoogleCloud, kube: Client) -> None:
        self.google = google
        self.kube = kube
        self.environ: dict[str, str] = {}
        self.ahead = 0.0
        self.channels: list[grpc.aio.Channel] = []
        self.roots: bytes | None = None
        self.metrics = CollectorRegistry()
        endpoints = GoogleEndpoints(
            binding=f"{google.url}/binding",
            sts=f"{google.url}/sts",
            iam=google.url,
            metadata=google.url,
            token=f"{google.url}/token",
        )
        self.provider = GCPSMProvider(self._channel, endpoints, self._now, self.environ, backoff=0.01, timeout=1.0)
        providers = ProviderRegistry({})
        providers.add(self.provider)
        self.manager = ClientManager(
            kube, providers, StoreMetrics(self.metrics), reader=CredentialReader(kube, memo=0.0)
        )
        self._uid = 0

    def _channel(self, host: str, roots: bytes | None) -> grpc.aio.Channel:
        self.google.hosts.append(host)
        self.roots = roots
        options = [("grpc.max_receive_message_length", MESSAGE_LIMIT)]
        self.channels.append(grpc.aio.insecure_channel(self.google.target, options))
        return self.channels[-1]

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def store(self, *, cluster: bool = False, **changes: Any) -> SecretStore | ClusterSecretStore:
        """A store; `changes` replace fields of its spec."""
        spec = {"projectID": PROJECT, "auth": KEY, **changes}
        spec = {key: value for key, value in spec.items() if value is not None}
        self._uid += 1
        metadata = {"name": "store", "uid": str(self._uid), "namespace": "" if cluster else "app"}
        body = {"metadata": metadata, "spec": {"provider": {"gcpsm": spec}}}
        return (ClusterSecretStore if cluster else SecretStore).from_wire(body)

    def lend(self, *, cluster: bool = False, consumer: str = "app", **changes: Any) -> Any:
        """A client of a store of its own."""
        return self.manager.client_for(self.store(cluster=cluster, **changes), consumer)

    async def account(self, email: str = "") -> None:
        """A ServiceAccount `robot`, with a Google account or without."""
        noted = {"iam.gke.io/gcp-service-account": email} if email else {}
        await self.kube.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="app", annotations=noted)))

    async def secret(self, name: str, **data: str) -> None:
        """A Secret in the namespace of the store."""
        held = {key: text.encode() for key, text in data.items()}
        await self.kube.create(Secret(metadata=ObjectMeta(name=name, namespace="app"), data=held))

    async def config(self, name: str, **data: str) -> None:
        """A ConfigMap in the namespace of the store."""
        await self.kube.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="app"), data=data))

    def counted(self, call: str, status: str = "success") -> float:
        labels = {"provider": "GCP/SecretManager", "call": call, "status": status}
        return self.metrics.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with google_cloud() as google, ApiServer(listen=False) as server:
        kube = Client(server.transport)
        found = Cloud(google, kube)
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        await found.secret("credentials", key=service_account_key(token_uri=f"{google.url}/token"))
        try:
            yield found
        finally:
            await found.manager.close()
