"""Every manifest in the documentation and among the samples is accepted by an API server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from eso.cli.crds import all_crds
from eso.cli.manifests import apply_manifest
from reconcile import Client
from reconcile.errors import AlreadyExistsError
from reconcile.testing.apiserver import ApiServer

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^( *)```ya?ml\n(.*?)^\1```", re.M | re.S)


def manifests(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    blocks = [text] if path.suffix == ".yaml" else [found[2] for found in BLOCK.finditer(text)]
    documents = []
    for block in blocks:
        for document in yaml.safe_load_all(block):
            # Fragments of manifests are for reading; whole ones have a kind and a name.
            if isinstance(document, dict) and document.get("kind") and (document.get("metadata") or {}).get("name"):
                documents.append(document)
    return documents


FILES = [
    path
    for path in sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "config" / "samples").glob("*.yaml")])
    if manifests(path)
]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with ApiServer(listen=False) as server, Client(server.transport) as client:
        for crd in all_crds():
            await apply_manifest(client, crd)
        yield client


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
async def test_manifests_are_accepted(client: Client, path: Path) -> None:
    for document in manifests(path):
        namespace = document["metadata"].get("namespace")
        if namespace and namespace != "default":
            with contextlib.suppress(AlreadyExistsError):
                await client.raw("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
        await apply_manifest(client, document)
