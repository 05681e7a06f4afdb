"""CustomResourceDefinitions: accepted names, conditions, and the end of a kind with all its objects."""

from __future__ import annotations

from typing import Any

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.deletes import Deleter
from reconcile.testing.apiserver.metadata import timestamp
from reconcile.testing.apiserver.registry import crd_infos
from reconcile.testing.apiserver.storage import Change, Stored

__all__ = ["CRDS", "CustomResources"]

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"

Object = dict[str, Any]


class CustomResources:
    """Serves what CustomResourceDefinitions describe."""

    def __init__(self, cluster: Cluster, deleter: Deleter) -> None:
        self._cluster = cluster
        self._deleter = deleter

    def load(self) -> None:
        """Serve the definitions that are stored already."""
        for stored in self._cluster.storage.listed(CRDS):
            self._cluster.registry.set_crd(stored.key[1], crd_infos(stored.obj))

    def note(self, change: Change) -> None:
        """Serve a definition from the moment it is written; called synchronously for every write."""
        if change.resource != CRDS:
            return
        name = change.new.key[1]
        if change.deleted:
            self._cluster.registry.remove_crd(name)
            self._cluster.storage.wake(name)
        elif change.old is None or _served(change.old.obj) != _served(change.new.obj):
            self._cluster.registry.set_crd(name, crd_infos(change.new.obj))

    def handle(self, change: Change) -> None:
        """Keep conditions right, and take a deleted definition's objects down."""
        if change.resource == CRDS:
            current = self._cluster.storage.get(CRDS, "", change.new.key[1])
            if current is not None:
                self._reconcile(current)
        elif change.deleted:
            definition = self._cluster.storage.get(CRDS, "", change.resource)
            if definition is not None and definition.obj["metadata"].get("deletionTimestamp"):
                self._reconcile(definition)

    def _reconcile(self, stored: Stored) -> None:
        if stored.obj["metadata"].get("deletionTimestamp"):
            self._take_down(stored)
            return
        obj = stored.fresh()
        status = obj.setdefault("status", {})
        conditions: list[Object] = status.setdefault("conditions", [])
        now = timestamp(self._cluster.now())
        names = obj["spec"]["names"]
        conflict = self._conflict(obj)
        if conflict:
            _set(conditions, "NamesAccepted", "False", "NameConflict", conflict, now)
            _set(conditions, "Established", "False", "NotAccepted", "not all names are accepted", now)
        else:
            status["acceptedNames"] = names
            _set(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now)
            _set(conditions, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted", now)
        storage = [version["name"] for version in obj["spec"]["versions"] if version.get("storage")]
        versions = status.setdefault("storedVersions", [])
        versions.extend(name for name in storage if name not in versions)
        finalizers = obj["metadata"].setdefault("finalizers", [])
        if _FINALIZER not in finalizers:
            finalizers.append(_FINALIZER)
        if obj != stored.obj:
            self._cluster.storage.put(CRDS, obj)

    def _conflict(self, obj: Object) -> str:
        spec, names = obj["spec"], obj["spec"]["names"]
        for other in self._cluster.storage.listed(CRDS):
            theirs = other.obj["spec"]
            if other.key[1] == obj["metadata"]["name"] or theirs["group"] != spec["group"]:
                continue
            if theirs["names"]["kind"] == names["kind"]:
                return f'"{names["kind"]}" is already in use'
        return ""

    def _take_down(self, stored: Stored) -> None:
        key = stored.key[1]
        storage = self._cluster.storage
        info = next(iter(crd_infos(stored.obj)), None)
        obj = stored.fresh()
        conditions = obj.setdefault("status", {}).setdefault("conditions", [])
        now = timestamp(self._cluster.now())
        message = "CustomResource deletion is in progress"
        if not any(condition["type"] == "Terminating" for condition in conditions):
            _set(conditions, "Terminating", "True", "InstanceDeletionInProgress", message, now)
            storage.put(CRDS, obj)
        for instance in storage.listed(key):
            if info is not None and not instance.obj["metadata"].get("deletionTimestamp"):
                self._deleter.remove(instance, info, "Background")
        current = storage.get(CRDS, "", key)
        if current is None or storage.listed(key):
            return
        obj = current.fresh()
        left = [name for name in obj["metadata"].get("finalizers") or () if name != _FINALIZER]
        if left != obj["metadata"].get("finalizers"):
            obj["metadata"]["finalizers"] = left
            if not left:
                obj["metadata"].pop("finalizers")
            storage.put(CRDS, obj)
        if not left:
            storage.remove(CRDS, "", key)


def _served(obj: Object) -> Any:
    return obj["spec"], (obj.get("status") or {}).get("acceptedNames")


def _set(conditions: list[Object], kind: str, status: str, reason: str, message: str, now: str) -> None:
    wanted = {"type": kind, "status": status, "reason": reason, "message": message}
    for index, condition in enumerate(conditions):
        if condition["type"] == kind:
            if condition["status"] != status:
                conditions[index] = {**wanted, "lastTransitionTime": now}
            return
    conditions.append({**wanted, "lastTransitionTime": now})
