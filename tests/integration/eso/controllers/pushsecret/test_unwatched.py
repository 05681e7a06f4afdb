"""What changes while no operator runs is pushed by the next one, and what does not change is not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from reconcile.api.core_v1 import ConfigMap
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import MergePatch
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster, cluster

_DATA = [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "place"}}}]
_TEMPLATE = {"templateFrom": [{"configMap": {"name": "layout", "items": [{"key": "k"}]}}]}


async def _reaches(c: Cluster, value: bytes) -> None:
    async def check() -> bool:
        assert c.vault().values.get("place") == value, c.vault().values
        return True

    await eventually(check)
    await c.condition("True")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"selector": {"secret": {"selector": {"matchLabels": {"push": "yes"}}}}},
        {"template": _TEMPLATE},
    ],
    ids=["by name", "by labels", "template"],
)
async def test_changes_while_nobody_watches_are_pushed(spec: dict[str, Any]) -> None:
    async with cluster() as c:
        await c.store()
        await c.secret(k="one", labels={"push": "yes"})
        layout = ConfigMap(metadata=ObjectMeta(name="layout", namespace="default"), data={"k": "<{{ .k }}>"})
        await c.client.create(layout)
        mark = "<{}>" if "template" in spec else "{}"
        async with c.operator():
            await c.push({"data": _DATA, **spec})
            await _reaches(c, mark.format("one").encode())
        await _next_second()
        await c.set_secret(k="two")
        async with c.operator():
            await _reaches(c, mark.format("two").encode())
        if "template" in spec:
            await _next_second()
            await c.client.patch(ConfigMap, "layout", "default", MergePatch({"data": {"k": "[{{ .k }}]"}}))
            async with c.operator():
                await _reaches(c, b"[two]")
        written = len(c.vault().writes)
        before = await c.condition("True")
        assert not before.metadata.annotations
        async with c.operator():
            await c.secret("marker", other="x")
            await eventually(lambda: _looked(c))
        assert len(c.vault().writes) == written
        assert (await c.condition("True")).metadata.resource_version == before.metadata.resource_version


async def _next_second() -> None:
    """The status keeps whole seconds: a push in the second of the one before writes nothing that is later than its source."""
    await asyncio.sleep(1 - time.time() % 1)


async def _looked(c: Cluster) -> bool:
    return c.passes("pushsecret") > 0
