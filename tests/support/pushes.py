"""Short ways to entries and states of PushSecrets."""

from __future__ import annotations

from typing import Any

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster

__all__ = ["DONE", "KEPT", "data", "gone", "placed"]

DONE = "PushSecret synced successfully"
KEPT = f"{DONE}. Existing secrets in providers unchanged."


def data(key: str, remote: str, prop: str = "", **more: Any) -> dict[str, Any]:
    ref = {"remoteKey": remote, **({"property": prop} if prop else {})}
    return {"match": {"secretKey": key, "remoteRef": ref}, **more}


def placed(push: PushSecret) -> dict[str, list[str]]:
    return {store: sorted(entries) for store, entries in (push.status.synced_push_secrets or {}).items()}


async def gone(world: Cluster, name: str = "push") -> None:
    async def check() -> bool:
        return await world.client.find(PushSecret, name, "default") is None

    await eventually(check)
