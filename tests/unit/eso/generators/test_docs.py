"""Every example of the generators' pages is accepted by an API server and by the operator."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eso.api.generators_v1alpha1.clustergenerator import ClusterGenerator
from eso.cli.crds import all_crds
from eso.generators.registry import GENERATORS, GeneratorRegistry
from eso.generators.resolve import CLUSTER_SPECS, GeneratorReferenceError, GeneratorResolver, Resolved
from reconcile.api.core_v1 import Namespace
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.client.transport import Response
from reconcile.errors import TransportError
from reconcile.testing.apiserver import ApiServer

PAGES = sorted(Path("docs/generators").glob("*.md"))
GROUP = "generators.external-secrets.io/v1alpha1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Reference:
    def __init__(self, document: dict[str, Any]) -> None:
        self.api_version: str = document["apiVersion"]
        self.kind: str = document["kind"]
        self.name: str = document["metadata"]["name"]


class Answering:
    """A transport that answers every request with one object."""

    host = "answering"

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    async def request(self, *_: Any, **__: Any) -> Response:
        return Response(200, json.dumps(self._found).encode())

    def stream(self, *_: Any, **__: Any) -> Any:
        raise TransportError("no watches here")

    async def close(self) -> None:
        return


def examples() -> list[dict[str, Any]]:
    blocks = (block for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    documents = [yaml.safe_load(block) for block in blocks]
    return [document for document in documents if "generators" in document["apiVersion"]]


def test_every_kind_has_a_page_with_an_example() -> None:
    assert {document["kind"] for document in examples()} == {*GENERATORS, "ClusterGenerator"}
    assert {page.stem for page in PAGES} >= {kind.lower() for kind in (*GENERATORS, "ClusterGenerator")}


@pytest.mark.parametrize("document", examples(), ids=lambda document: document["kind"])
def test_example_can_be_applied_and_resolved(document: dict[str, Any]) -> None:
    async def go() -> Resolved:
        async with ApiServer(listen=False) as server:
            client = Client(server.transport)
            crd = next(crd for crd in all_crds() if crd["spec"]["names"]["kind"] == document["kind"])
            await client.raw("POST", CRDS, body=crd)
            if await client.find(Namespace, "default") is None:
                await client.create(Namespace(metadata=ObjectMeta(name="default")))
            clustered = document["kind"] == ClusterGenerator.resource.kind
            scope = "" if clustered else "/namespaces/default"
            path = f"/apis/{document['apiVersion']}{scope}/{crd['spec']['names']['plural']}"
            await client.raw("POST", path, query={"fieldValidation": "Strict"}, body=document)
            resolver = GeneratorResolver(client, GeneratorRegistry())
            return await resolver.resolve(Reference(document), "default")

    resolved = asyncio.run(go())
    assert resolved.kind in GENERATORS
    assert resolved.generator.kind == resolved.kind


@pytest.mark.parametrize("kind", sorted(CLUSTER_SPECS))
def test_each_kind_can_stand_in_a_cluster_generator(kind: str) -> None:
    spec = next(document for document in examples() if document["kind"] == kind).get("spec") or {}

    def resolved(generator: dict[str, Any]) -> Resolved:
        cluster = {"metadata": {"name": "g"}, "spec": {"kind": kind, "generator": generator}}
        reference = Reference({"apiVersion": GROUP, "kind": "ClusterGenerator", "metadata": {"name": "g"}})
        return asyncio.run(GeneratorResolver(Client(Answering(cluster)), GeneratorRegistry()).resolve(reference, "ns"))

    found = resolved({CLUSTER_SPECS[kind]: spec})
    assert (found.kind, found.generator.kind) == (kind, kind)
    assert found.manifest == {"apiVersion": GROUP, "kind": kind, "spec": spec}
    other = next(name for name in CLUSTER_SPECS.values() if name != CLUSTER_SPECS[kind])
    with pytest.raises(GeneratorReferenceError, match=f"when kind is {kind}, {kind}Spec must be set"):
        resolved({other: {}})
