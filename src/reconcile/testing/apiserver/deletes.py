"""Delete and delete collection: preconditions, finalizers, propagation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcile.testing.apiserver.bodies import decode_any
from reconcile.testing.apiserver.cluster import Cluster, Write
from reconcile.testing.apiserver.metadata import timestamp
from reconcile.testing.apiserver.protobuf import PROTOBUF, decode_protobuf
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, Target, User, json_response
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.selectors import compile_selectors
from reconcile.testing.apiserver.status import conflict, invalid, modified, not_found
from reconcile.testing.apiserver.storage import Stored, encode
from reconcile.testing.apiserver.versions import served_bytes, served_object

__all__ = ["FOREGROUND", "ORPHAN", "Deleter", "list_body"]

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

Object = dict[str, Any]


def list_body(info: ResourceInfo, items: list[bytes], metadata: Mapping[str, Any]) -> bytes:
    """A list object around encoded items."""
    kind = info.list_kind or f"{info.kind}List"
    head = f'{{"kind":"{kind}","apiVersion":"{info.api_version}","metadata":'.encode()
    return head + encode(metadata) + b',"items":[' + b",".join(items) + b"]}"


def _options(request: ApiRequest) -> Object:
    options: Object = {}
    if request.body:
        if request.content_type == PROTOBUF:
            decoded: Any = decode_protobuf(request.body, "DeleteOptions")
        else:
            decoded = decode_any(request.body, as_yaml=False, what="DeleteOptions")
        if isinstance(decoded, dict):
            options = dict(decoded)
    for name in ("propagationPolicy", "gracePeriodSeconds"):
        if request.query.get(name):
            options[name] = request.query[name]
    if request.query.get("dryRun"):
        options["dryRun"] = [request.query["dryRun"]]
    return options


def _policy(options: Object) -> str:
    policy = options.get("propagationPolicy")
    if policy is None and options.get("orphanDependents") is not None:
        return "Orphan" if options["orphanDependents"] else "Background"
    if policy not in (None, "Background", "Foreground", "Orphan"):
        message = f'Unsupported value: "{policy}": supported values: "Background", "Foreground", "Orphan", "nil"'
        cause = {"reason": "FieldValueNotSupported", "message": message, "field": "propagationPolicy"}
        raise invalid("DeleteOptions", "meta.k8s.io", "", [cause])
    return policy or "Background"


def _check_preconditions(options: Object, stored: Stored, info: ResourceInfo) -> None:
    wanted = options.get("preconditions") or {}
    metadata = stored.obj["metadata"]
    uid, version = wanted.get("uid"), wanted.get("resourceVersion")
    why = ""
    if uid and uid != metadata["uid"]:
        why = (
            f"the UID in the precondition ({uid}) does not match the UID in record ({metadata['uid']}). "
            "The object might have been deleted and then recreated"
        )
    elif version and version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({metadata['resourceVersion']}). The object might have been modified"
        )
    if why:
        raise conflict(info.kind, info.group, metadata["name"], why)


class Deleter:
    """Deletes objects, or marks them as going away while finalizers hold them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def delete(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        """`DELETE` of one object."""
        namespace = target.namespace if info.namespaced else ""
        stored = self._cluster.storage.get(info.storage_key, namespace, target.name)
        if stored is None:
            raise not_found(info.plural, info.group, target.name)
        options = _options(request)
        result, gone = await self._delete(
            stored, info, options, Write(info, user, request, "DELETE", namespace=namespace)
        )
        if not gone or info.returns_deleted:
            return json_response(served_bytes(await self._cluster.conversions.served_one(result, info), info))
        details: Object = {"name": target.name}
        if info.group:
            details["group"] = info.group
        details |= {"kind": info.plural, "uid": result.obj["metadata"]["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return json_response(status)

    async def delete_collection(
        self, request: ApiRequest, info: ResourceInfo, target: Target, user: User
    ) -> ApiResponse:
        """`DELETE` of a collection, restricted by selectors."""
        options = _options(request)
        matcher = compile_selectors(
            request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""), info
        )
        namespace = target.namespace if info.namespaced else None
        deleted: list[bytes] = []
        for stored in self._cluster.storage.listed(info.storage_key, namespace):
            if matcher is not None and not matcher(stored.obj):
                continue
            write = Write(info, user, request, "DELETE", namespace=stored.key[0])
            if self._cluster.storage.get(info.storage_key, *stored.key) is stored:
                await self._delete(stored, info, options, write)
                served = await self._cluster.conversions.served_one(stored, info)
                deleted.append(served_bytes(served, info))
        return json_response(list_body(info, deleted, {"resourceVersion": str(self._cluster.storage.version)}))

    async def _delete(self, stored: Stored, info: ResourceInfo, options: Object, write: Write) -> tuple[Stored, bool]:
        policy = _policy(options)
        _check_preconditions(options, stored, info)
        write.dry_run = bool(options.get("dryRun"))
        old = await self._cluster.conversions.served_one(stored, info)
        await self._cluster.admit(write, None, served_object(old.obj, info))
        current = self._cluster.storage.get(info.storage_key, *stored.key)
        if current is None:
            raise not_found(info.plural, info.group, stored.key[1])
        if current is not stored:
            _check_preconditions(options, current, info)
        self._cluster.before_delete(info, current)
        if options.get("dryRun"):
            return current, True
        return self.remove(current, info, policy)

    def remove(self, stored: Stored, info: ResourceInfo, policy: str) -> tuple[Stored, bool]:
        """Delete an object now, or mark it; returns its state and whether it is gone.

        Args:
            stored: the current object.
            info: its kind.
            policy: `Background`, `Foreground` or `Orphan`.
        """
        storage = self._cluster.storage
        if storage.get(info.storage_key, *stored.key) is not stored:
            raise modified(info.plural, info.group, stored.key[1])
        obj = stored.fresh()
        metadata = obj["metadata"]
        finalizers = [name for name in metadata.get("finalizers") or [] if name not in (FOREGROUND, ORPHAN)]
        if policy != "Background":
            finalizers.append(FOREGROUND if policy == "Foreground" else ORPHAN)
        elif metadata.get("deletionTimestamp"):
            finalizers = metadata.get("finalizers") or []
        held = bool(finalizers) or (info.plural == "namespaces" and bool(obj.get("spec", {}).get("finalizers")))
        if not held:
            return storage.remove(info.storage_key, *stored.key), True
        if metadata.get("deletionTimestamp") and finalizers == (metadata.get("finalizers") or []):
            return stored, False
        if finalizers:
            metadata["finalizers"] = finalizers
        if not metadata.get("deletionTimestamp"):
            metadata["deletionTimestamp"] = timestamp(self._cluster.now())
            metadata["deletionGracePeriodSeconds"] = 0
            if metadata.get("generation"):
                metadata["generation"] += 1
        if info.plural == "namespaces" and not info.group:
            metadata.pop("deletionGracePeriodSeconds", None)
            obj.setdefault("status", {})["phase"] = "Terminating"
        return storage.put(info.storage_key, obj), False
