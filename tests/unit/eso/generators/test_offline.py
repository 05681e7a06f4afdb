"""Generators of `eso render`: values without a cluster and without a trace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.cli.offline import ManifestTransport
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError
from eso.generators.offline import OfflineGenerators
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.metrics import StoreMetrics
from reconcile.client.client import Client
from tests.support.builders import external_secret

GROUP = "generators.external-secrets.io/v1alpha1"


def document(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": "g"}, "spec": spec}


def generate(kind: str, *documents: dict[str, Any]) -> dict[str, bytes]:
    async def go() -> dict[str, bytes]:
        client = Client(ManifestTransport(documents))
        clients = ClientManager(client, ProviderRegistry(), StoreMetrics(CollectorRegistry()))
        generators = OfflineGenerators(clients)
        es = external_secret()
        try:
            await generators.not_a_generator(es, 1)
            values = dict(await generators.generate(es, 0, GeneratorRef(kind=kind, name="g")))
            await generators.commit(es)
            await generators.roll_back(es)
            return values
        finally:
            await clients.close()

    return asyncio.run(go())


def test_values_come_from_manifests() -> None:
    assert generate("Fake", document("Fake", {"data": {"a": "b"}})) == {"a": b"b"}


def test_cluster_generator() -> None:
    spec = {"kind": "Fake", "generator": {"fakeSpec": {"data": {"a": "b"}}}}
    assert generate("ClusterGenerator", document("ClusterGenerator", spec)) == {"a": b"b"}


@pytest.mark.parametrize(
    ("kind", "documents", "error"),
    [
        ("Fake", (), ReferenceNotFoundError),
        (
            "Grafana",
            (
                document(
                    "Grafana",
                    {"url": "https://g", "auth": {}, "serviceAccount": {"name": "n", "role": "Viewer"}},
                ),
            ),
            InvalidSpecError,
        ),
    ],
)
def test_refusals(kind: str, documents: tuple[dict[str, Any], ...], error: type[EsoError]) -> None:
    with pytest.raises(error):
        generate(kind, *documents)
