"""When a store answers again, those that wait for it do not wait any longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.errors import AccessDeniedError, EsoError, UnavailableError
from reconcile.api.core_v1 import Secret
from reconcile.testing.loop import run
from tests.support.push_store import Cluster, cluster
from tests.support.shelf import ShelfProvider


async def _external_secret(c: Cluster, name: str) -> None:
    spec = {
        "refreshInterval": "24h",
        "secretStoreRef": {"name": "store", "kind": "SecretStore"},
        "data": [{"secretKey": "k", "remoteRef": {"key": name}}],
    }
    body = {"metadata": {"name": name, "namespace": "default"}, "spec": spec}
    await c.client.create(ExternalSecret.from_wire(body))


async def _appears(c: Cluster, name: str) -> float:
    """Seconds until the Secret is there."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while await c.client.find(Secret, name, "default") is None:  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0.1)
    return loop.time() - began


@pytest.mark.parametrize(("error", "at_once"), [(UnavailableError("out"), True), (AccessDeniedError("no"), False)])
def test_objects_come_back_with_their_store_not_by_their_own_backoff(error: EsoError, at_once: bool) -> None:
    async def main() -> None:
        async with cluster() as c:
            shelf: Any = ShelfProvider()
            c.provider = shelf
            await c.store()
            values = dict.fromkeys(("early", "late"), error)
            shelf.values["default"] = values
            async with c.operator():
                await _external_secret(c, "early")
                # Long enough that the next try of its own is minutes away.
                await asyncio.sleep(600)
                await _external_secret(c, "late")
                await asyncio.sleep(20)
                shelf.values["default"] = dict.fromkeys(values, "value")
                await _appears(c, "late")
                waited = await _appears(c, "early")
                assert (waited < 2) is at_once, waited

    run(main())
