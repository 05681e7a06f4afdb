"""Short ways to cluster-wide objects that stamp others into namespaces, for both kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from reconcile.api.model import KubeObject
from reconcile.testing.eventually import eventually
from tests.support.push_store import Cluster

__all__ = ["CLUSTER_EXTERNAL_SECRET", "CLUSTER_PUSH_SECRET", "Stamping"]


@dataclass(frozen=True)
class Stamping:
    """How one of the kinds names things."""

    owner: type[KubeObject]
    child: type[KubeObject]
    prefix: str
    spec: dict[str, Any]
    changed: dict[str, Any]
    exists: str

    def field(self, name: str) -> str:
        return f"{self.prefix}{name}"

    async def create(self, world: Cluster, *, metadata: dict[str, Any] | None = None, **spec: Any) -> KubeObject:
        """Create the owner `shared`; it selects namespaces with the label `team=a` unless `spec` says otherwise."""
        if not {"namespaces", "namespaceSelector", "namespaceSelectors"} & spec.keys():
            spec["namespaceSelectors"] = [{"matchLabels": {"team": "a"}}]
        body = {
            "metadata": {"name": "shared", **(metadata or {})},
            "spec": {self.field("Spec"): self.spec, "refreshTime": "1h", **spec},
        }
        return await world.client.create(self.owner.from_wire(body))

    async def child_of(self, world: Cluster, namespace: str, name: str = "shared") -> dict[str, Any] | None:
        found = await world.client.find(self.child, name, namespace)
        return None if found is None else found.to_wire()

    async def status(self, world: Cluster) -> dict[str, Any]:
        status: dict[str, Any] = (await world.client.get(self.owner, "shared")).to_wire().get("status") or {}
        for condition in status.get("conditions", ()):
            condition.pop("lastTransitionTime", None)
            for key in [key for key, value in condition.items() if not value]:
                del condition[key]
        return status

    async def settled(self, world: Cluster, **wanted: Any) -> dict[str, Any]:
        """Wait until the status says this; None means that a field is absent."""

        async def check() -> dict[str, Any]:
            status = await self.status(world)
            for name, value in wanted.items():
                assert status.get(name) == value, status
            return status

        return await eventually(check)


READY = [{"type": "Ready", "status": "True"}]
FAILED = [{"type": "Ready", "status": "False", "message": "one or more namespaces failed"}]

CLUSTER_EXTERNAL_SECRET = Stamping(
    ClusterExternalSecret,
    ExternalSecret,
    "externalSecret",
    {"secretStoreRef": {"name": "store"}, "data": [{"secretKey": "a", "remoteRef": {"key": "r"}}]},
    {"secretStoreRef": {"name": "store"}, "data": [{"secretKey": "b", "remoteRef": {"key": "s"}}]},
    "external secret already exists in namespace",
)
CLUSTER_PUSH_SECRET = Stamping(
    ClusterPushSecret,
    PushSecret,
    "pushSecret",
    {"secretStoreRefs": [{"name": "store"}], "selector": {"secret": {"name": "source"}}},
    {"secretStoreRefs": [{"name": "other"}], "selector": {"secret": {"name": "source"}}},
    "push secret already exists in namespace",
)
