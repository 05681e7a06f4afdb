"""A generated value does not change when it must not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reconcile.api.core_v1 import Secret
from reconcile.client.patch import MergePatch
from reconcile.testing.eventually import eventually
from reconcile.testing.loop import run
from tests.support.tokenvendor import Cluster, cluster, generator_entry

PASSWORD = {
    "apiVersion": "generators.external-secrets.io/v1alpha1",
    "kind": "Password",
    "metadata": {"name": "pw"},
    "spec": {"length": 20, "noUpper": False, "allowRepeat": True},
}
ES = "/apis/external-secrets.io/v1/namespaces/default/externalsecrets/es"
ENTRY = [generator_entry("pw", "Password")]


async def password(c: Cluster, key: str = "password") -> str:
    async def check() -> bool:
        es = await c.client.raw("GET", ES)
        return bool(es.get("status", {}).get("syncedResourceVersion"))

    await eventually(check, timeout=30)
    return (await c.client.get(Secret, "es", "default")).data[key].decode()


def recreated(spec: dict[str, Any], *, key: str = "password", orphaned: bool = True) -> tuple[str, str]:
    """The value before and after the ExternalSecret was deleted, leaving its target behind, and created again."""

    async def go() -> tuple[str, str]:
        async with cluster() as c:
            await c.create(PASSWORD, "passwords")
            async with c.operator():
                await c.external_secret(dataFrom=ENTRY, **spec)
                first = await password(c, key)
            if orphaned:
                patch = MergePatch({"metadata": {"ownerReferences": None}})
                await c.client.patch(Secret, "es", "default", patch)
            await c.client.raw("DELETE", ES, body={"propagationPolicy": "Orphan"})
            async with c.operator():
                await c.external_secret(dataFrom=ENTRY, **spec)
                second = await password(c, key)
                secret = await c.client.get(Secret, "es", "default")
                owned = [owner.name for owner in secret.metadata.owner_references]
                assert owned == ([] if spec.get("target") == {"creationPolicy": "Orphan"} else ["es"])
            return first, second

    return run(go())


@pytest.mark.parametrize(
    "spec",
    [
        {"refreshPolicy": "CreatedOnce"},
        {"refreshPolicy": "OnChange"},
        {"refreshInterval": "0"},
        {"refreshInterval": "0", "target": {"creationPolicy": "Orphan"}},
    ],
)
def test_value_that_is_made_once_survives_its_external_secret(spec: dict[str, Any]) -> None:
    first, second = recreated(spec)
    assert first == second


def test_rendered_value_survives_as_it_is() -> None:
    target = {"template": {"data": {"url": "x://{{ .password | b64enc }}"}}}
    first, second = recreated({"refreshPolicy": "CreatedOnce", "target": target}, key="url")
    assert first == second
    assert first.startswith("x://")


def test_value_that_is_refreshed_anyway_is_made_anew() -> None:
    first, second = recreated({"refreshInterval": "1h"})
    assert first != second


def test_status_lost_between_writing_and_telling_keeps_the_value() -> None:
    async def go() -> None:
        async with cluster() as c:
            await c.create(PASSWORD, "passwords")
            async with c.operator():
                await c.external_secret(dataFrom=ENTRY, refreshInterval="0")
                first = await password(c)
            await c.client.raw(
                "PATCH",
                f"{ES}/status",
                body={"status": {"syncedResourceVersion": None, "refreshTime": None, "conditions": None}},
                content_type="application/merge-patch+json",
            )
            async with c.operator():
                assert await password(c) == first

    run(go())


def test_target_that_was_edited_or_is_not_ours_is_not_kept() -> None:
    async def go() -> None:
        async with cluster() as c:
            await c.create(PASSWORD, "passwords")
            async with c.operator():
                await c.external_secret(dataFrom=ENTRY, refreshInterval="0")
                first = await password(c)
                await c.client.patch(Secret, "es", "default", MergePatch({"data": {"password": "ZWRpdGVk"}}))
                await asyncio.sleep(5)
                assert await password(c) not in (first, "edited")

    run(go())
