"""The examples of the pages about PushSecret and the cluster-wide kinds work as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.cli.manifests import apply_manifest
from eso.controllers.conditions import find
from reconcile.api.model import KubeObject
from reconcile.testing.eventually import eventually
from tests.support.push_store import cluster

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize(
    ("page", "kinds"),
    [
        ("pushsecret", [PushSecret]),
        ("clusterpushsecret", [ClusterPushSecret, PushSecret]),
        ("clusterexternalsecret", [ClusterExternalSecret]),
    ],
)
async def test_the_example_becomes_ready(page: str, kinds: list[type[KubeObject]]) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    documents = [
        document
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        for document in yaml.safe_load_all(block)
    ]
    assert documents
    async with cluster() as world:
        for document in documents:
            await apply_manifest(world.client, document)
        async with world.operator():
            for kind in kinds:

                async def ready(kind: type[KubeObject] = kind) -> bool:
                    found = (await world.client.list(kind)).items
                    conditions = [find(getattr(one, "status").conditions) for one in found]  # noqa: B009
                    return bool(found) and all(one is not None and one.status == "True" for one in conditions)

                await eventually(ready)
            if ClusterExternalSecret in kinds:
                (child,) = (await world.client.list(ExternalSecret)).items
                assert (child.namespace, child.name, child.metadata.labels) == (
                    "builds",
                    "registry",
                    {"app": "registry"},
                )
        written = {name: vault.values for name, vault in world.provider.vaults.items() if vault.values}
        assert (
            written
            == {
                "pushsecret": {
                    "team-store": {"database": b"s3cret", "app/url": b"https://app.example", "app/token": b"t0ken"}
                },
                "clusterpushsecret": {"inventory": {"payments": b"payments@example"}},
                "clusterexternalsecret": {},
            }[page]
        )
