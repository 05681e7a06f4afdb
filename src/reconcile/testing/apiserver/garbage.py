"""The garbage collector: objects follow their owners."""

from __future__ import annotations

from typing import Any

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.deletes import FOREGROUND, ORPHAN, Deleter
from reconcile.testing.apiserver.storage import Change, Stored

__all__ = ["GarbageCollector"]

Ref = tuple[str, str, str]  # resource, namespace, name


class GarbageCollector:
    """Deletes dependents of owners that are gone, in the order the propagation policy asks for."""

    def __init__(self, cluster: Cluster, deleter: Deleter) -> None:
        self._cluster = cluster
        self._deleter = deleter
        self._uids: dict[str, Ref] = {}
        self._dependents: dict[str, set[Ref]] = {}

    def note(self, change: Change) -> None:
        """Keep the graph up to date; called synchronously for every write."""
        ref = (change.resource, *change.new.key)
        if change.old is not None:
            for uid in _owner_uids(change.old):
                self._dependents.get(uid, set()).discard(ref)
        uid = change.new.obj["metadata"]["uid"]
        if change.deleted:
            self._uids.pop(uid, None)
            return
        self._uids[uid] = ref
        for owner in _owner_uids(change.new):
            self._dependents.setdefault(owner, set()).add(ref)

    def handle(self, change: Change) -> None:
        """React to one write."""
        metadata = change.new.obj["metadata"]
        if change.deleted:
            self._collect(metadata["uid"])
            for uid in _owner_uids(change.new):
                self._continue(uid)
            return
        if metadata.get("ownerReferences") and (
            change.old is None or _owner_uids(change.old) != _owner_uids(change.new)
        ):
            self._check((change.resource, *change.new.key))
        if metadata.get("deletionTimestamp") and {FOREGROUND, ORPHAN} & set(metadata.get("finalizers") or ()):
            self._continue(metadata["uid"])

    def _current(self, ref: Ref) -> Stored | None:
        return self._cluster.storage.get(*ref)

    def _children(self, uid: str) -> list[Ref]:
        return sorted(self._dependents.get(uid, ()))

    def _collect(self, uid: str) -> None:
        for ref in self._children(uid):
            self._check(ref)
        self._dependents.pop(uid, None)

    def _owner_state(self, reference: dict[str, Any], namespace: str) -> str:
        """`solid`, `absent`, or `waiting` for an owner that waits for its dependents."""
        ref = self._uids.get(reference.get("uid", ""))
        if ref is None or ref[2] != reference.get("name") or (ref[1] and ref[1] != namespace):
            return "absent"
        stored = self._current(ref)
        metadata = stored.obj["metadata"] if stored else {}
        if metadata.get("deletionTimestamp") and FOREGROUND in (metadata.get("finalizers") or ()):
            return "waiting"
        return "solid"

    def _check(self, ref: Ref) -> None:
        stored = self._current(ref)
        if stored is None:
            return
        references = stored.obj["metadata"].get("ownerReferences") or []
        states = [self._owner_state(reference, ref[1]) for reference in references]
        if not references:
            return
        if "solid" in states:
            if states.count("solid") < len(states):
                kept = [reference for reference, state in zip(references, states, strict=True) if state == "solid"]
                self._set_owners(stored, ref, kept)
            return
        self._delete(
            stored,
            ref,
            "Foreground" if "waiting" in states and self._children(stored.obj["metadata"]["uid"]) else "Background",
        )

    def _delete(self, stored: Stored, ref: Ref, policy: str) -> None:
        info = self._cluster.registry.by_storage_key(ref[0])
        if info is not None and not (policy == "Background" and stored.obj["metadata"].get("deletionTimestamp")):
            self._deleter.remove(stored, info, policy)

    def _set_owners(self, stored: Stored, ref: Ref, owners: list[dict[str, Any]]) -> None:
        obj = stored.fresh()
        if owners:
            obj["metadata"]["ownerReferences"] = owners
        else:
            obj["metadata"].pop("ownerReferences", None)
        self._cluster.storage.put(ref[0], obj)

    def _continue(self, uid: str) -> None:
        ref = self._uids.get(uid)
        owner = self._current(ref) if ref else None
        if ref is None or owner is None:
            return
        metadata = owner.obj["metadata"]
        finalizers = metadata.get("finalizers") or []
        if not metadata.get("deletionTimestamp"):
            return
        if ORPHAN in finalizers:
            for child_ref in self._children(uid):
                child = self._current(child_ref)
                if child is not None:
                    kept = [r for r in child.obj["metadata"].get("ownerReferences") or () if r.get("uid") != uid]
                    self._set_owners(child, child_ref, kept)
            self._release(owner, ref, ORPHAN)
        elif FOREGROUND in finalizers:
            for child_ref in self._children(uid):
                self._check(child_ref)
            if not self._blocking(uid):
                self._release(owner, ref, FOREGROUND)

    def _blocking(self, uid: str) -> bool:
        for ref in self._children(uid):
            child = self._current(ref)
            references = child.obj["metadata"].get("ownerReferences") or [] if child else []
            if any(r.get("uid") == uid and r.get("blockOwnerDeletion") for r in references):
                return True
        return False

    def _release(self, stored: Stored, ref: Ref, finalizer: str) -> None:
        current = self._current(ref)
        if current is None:
            return
        obj = current.fresh()
        left = [name for name in obj["metadata"].get("finalizers") or () if name != finalizer]
        obj["metadata"]["finalizers"] = left
        if not left:
            obj["metadata"].pop("finalizers")
        self._cluster.storage.put(ref[0], obj)
        if not left:
            self._cluster.storage.remove(*ref)


def _owner_uids(stored: Stored) -> list[str]:
    return [reference.get("uid", "") for reference in stored.obj["metadata"].get("ownerReferences") or ()]
