"""Namespaces: what is born with one, and how one goes away with everything in it."""

from __future__ import annotations

from typing import Any

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.deletes import Deleter
from reconcile.testing.apiserver.metadata import prepare_create, timestamp
from reconcile.testing.apiserver.storage import Change, Stored

__all__ = ["NamespaceController", "bootstrap_namespaces"]

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_FINALIZER = "kubernetes"


def bootstrap_namespaces(cluster: Cluster) -> None:
    """Create the namespaces every cluster has, where they are missing."""
    info = cluster.registry.builtin("namespaces")
    for name in SYSTEM_NAMESPACES:
        if cluster.storage.get("namespaces", "", name) is None:
            obj: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            obj = prepare_create(obj, info, cluster.now())
            cluster.kinds.default(obj, info)
            cluster.storage.put("namespaces", obj)


class NamespaceController:
    """Gives each namespace its default ServiceAccount, and empties those that are being deleted."""

    def __init__(self, cluster: Cluster, deleter: Deleter) -> None:
        self._cluster = cluster
        self._deleter = deleter

    def handle(self, change: Change) -> None:
        """React to one write."""
        if change.resource == "namespaces":
            if not change.deleted:
                self._namespace(change.new)
            return
        namespace = change.new.key[0]
        if not namespace or not change.deleted:
            return
        stored = self._cluster.storage.get("namespaces", "", namespace)
        if stored is not None:
            self._namespace(stored)
        if change.resource == "serviceaccounts" and change.new.key[1] == "default" and stored is not None:
            self._default_account(stored)

    def _namespace(self, stored: Stored) -> None:
        current = self._cluster.storage.get("namespaces", "", stored.key[1])
        if current is None:
            return
        if current.obj["metadata"].get("deletionTimestamp"):
            self._empty(current)
        else:
            self._default_account(current)

    def _default_account(self, namespace: Stored) -> None:
        name, storage = namespace.key[1], self._cluster.storage
        if namespace.obj["metadata"].get("deletionTimestamp") or storage.get("serviceaccounts", name, "default"):
            return
        info = self._cluster.registry.builtin("serviceaccounts")
        metadata = {"name": "default", "namespace": name}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        storage.put("serviceaccounts", prepare_create(account, info, self._cluster.now()))

    def _contents(self, name: str) -> list[tuple[str, Stored]]:
        storage = self._cluster.storage
        found: list[tuple[str, Stored]] = []
        for resource in storage.resources():
            info = self._cluster.registry.by_storage_key(resource)
            if info is not None and info.namespaced:
                found += [(resource, stored) for stored in storage.listed(resource, name)]
        return found

    def _empty(self, namespace: Stored) -> None:
        name = namespace.key[1]
        for resource, stored in self._contents(name):
            info = self._cluster.registry.by_storage_key(resource)
            if info is not None and not stored.obj["metadata"].get("deletionTimestamp"):
                self._deleter.remove(stored, info, "Background")
        left = self._contents(name)
        if left:
            self._report(name, left)
        else:
            self._finish(name)

    def _finish(self, name: str) -> None:
        storage = self._cluster.storage
        current = storage.get("namespaces", "", name)
        if current is None:
            return
        obj = current.fresh()
        spec = obj.setdefault("spec", {})
        finalizers = [item for item in spec.get("finalizers") or () if item != _FINALIZER]
        if finalizers != (spec.get("finalizers") or []):
            spec["finalizers"] = finalizers
            if not finalizers:
                spec.pop("finalizers")
            current = storage.put("namespaces", obj)
        if not finalizers and not current.obj["metadata"].get("finalizers"):
            storage.remove("namespaces", "", name)

    def _report(self, name: str, left: list[tuple[str, Stored]]) -> None:
        current = self._cluster.storage.get("namespaces", "", name)
        if current is None:
            return
        kinds: dict[str, int] = {}
        finalizers: dict[str, int] = {}
        for resource, stored in left:
            kinds[resource] = kinds.get(resource, 0) + 1
            for finalizer in stored.obj["metadata"].get("finalizers") or ():
                finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
        remaining = ", ".join(
            f"{kind if '.' in kind else kind + '.'} has {count} resource instances"
            for kind, count in sorted(kinds.items())
        )
        held = ", ".join(f"{item} in {count} resource instances" for item, count in sorted(finalizers.items()))
        now = timestamp(self._cluster.now())
        conditions = [
            _condition("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered", now),
            _condition("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", "All legacy kube types successfully parsed", now),
            _condition("NamespaceDeletionContentFailure", "False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization", now),
            _condition("NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {remaining}", now),
            _condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {held}", now),
        ]  # fmt: skip
        obj = current.fresh()
        status = obj.setdefault("status", {})
        before = [{**item, "lastTransitionTime": ""} for item in status.get("conditions") or ()]
        if before != [{**item, "lastTransitionTime": ""} for item in conditions]:
            status["conditions"] = conditions
            self._cluster.storage.put("namespaces", obj)


def _condition(kind: str, status: str, reason: str, message: str, now: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}
