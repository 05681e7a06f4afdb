"""Create, update and patch: from a client's body to a stored object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconcile.testing.apiserver.bodies import check_kind, decode_object
from reconcile.testing.apiserver.cluster import Cluster, Write
from reconcile.testing.apiserver.metadata import (
    bump_generation,
    check_identity,
    prepare_create,
    prepare_update,
    same_content,
)
from reconcile.testing.apiserver.patching import PATCH_TYPES, apply_patch, refuse_undeclared, server_side_apply
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, Target, User, json_response
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import (
    already_exists,
    forbidden,
    invalid,
    modified,
    not_found,
    unsupported_media_type,
)
from reconcile.testing.apiserver.storage import Stored, encode
from reconcile.testing.apiserver.versions import served_object

__all__ = ["Writer"]

Object = dict[str, Any]

# A patch that meets a concurrent write is computed again this often. Source: the patch handler of kube-apiserver.
_PATCH_TRIES = 5


class Writer:
    """Turns write requests into stored objects."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def create(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        """`POST` to a collection."""
        obj = decode_object(request, info.kind)
        obj, warnings = self._cluster.kinds.decode(obj, info, request)
        check_identity(obj, info, target.namespace, None)
        write = Write(info, user, request, "CREATE", namespace=target.namespace)
        stored = await self._create(obj, write)
        return await self._answer(stored, info, 201, warnings + write.warnings)

    async def _create(self, obj: Object, write: Write, *, managed: bool = False) -> Object:
        cluster, info = self._cluster, write.info
        obj = prepare_create(obj, info, cluster.now())
        name = obj["metadata"]["name"]
        self._check_namespace(info, write.namespace, name)
        cluster.kinds.default(obj, info)
        if not managed:
            obj = self._track(None, obj, write)
        write.dry_run = write.request.dry_run
        obj = await cluster.admit(write, obj, None) or obj
        self._validate(obj, info, None)
        stored = await cluster.conversions.to_storage(obj, info)
        if cluster.storage.get(info.storage_key, obj["metadata"].get("namespace", ""), name) is not None:
            raise already_exists(info.plural, info.group, name)
        self._check_namespace(info, write.namespace, name)
        cluster.before_create(info)
        if write.request.dry_run:
            return stored
        return cluster.storage.put(info.storage_key, stored).obj

    def _check_namespace(self, info: ResourceInfo, namespace: str, name: str) -> None:
        if not info.namespaced:
            return
        stored = self._cluster.storage.get("namespaces", "", namespace)
        if stored is None:
            raise not_found("namespaces", "", namespace)
        if stored.obj["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            message = f"namespace {namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
            raise forbidden(info.plural, info.group, name, why, [cause])

    def _validate(self, obj: Object, info: ResourceInfo, old: Object | None) -> None:
        causes = self._cluster.kinds.validate(obj, info, old)
        if causes:
            raise invalid(info.kind, info.group, obj["metadata"].get("name", ""), causes)

    def _track(self, old: Object | None, new: Object, write: Write) -> Object:
        return self._cluster.kinds.track(old, new, write.info, write.request, write.subresource, self._cluster.now())

    async def update(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        """`PUT` of an object or of one of its subresources."""
        obj = decode_object(request, info.kind)
        obj, warnings = self._cluster.kinds.decode(obj, info, request)
        namespace = target.namespace if info.namespaced else ""
        check_identity(obj, info, namespace, target.name)
        live = self.live(info, target)
        write = Write(info, user, request, "UPDATE", namespace=namespace, subresource=target.subresource)
        stored = await self._replace(obj, live, write)
        return await self._answer(stored, info, 200, warnings + write.warnings)

    def live(self, info: ResourceInfo, target: Target) -> Stored:
        """The stored object that a request names.

        Raises:
            StatusError: 404.
        """
        namespace = target.namespace if info.namespaced else ""
        stored = self._cluster.storage.get(info.storage_key, namespace, target.name)
        if stored is None:
            raise not_found(info.plural, info.group, target.name)
        return stored

    async def _replace(self, new: Object, live: Stored, write: Write, *, managed: bool = False) -> Object:
        cluster, info = self._cluster, write.info
        served = await cluster.conversions.served_one(live, info)
        old = served_object(served.fresh(), info)
        new = prepare_update(new, served_object(served.fresh(), info), info, write.subresource)
        cluster.kinds.default(new, info)
        if not managed:
            new = self._track(old, new, write)
        write.dry_run = write.request.dry_run
        new = await cluster.admit(write, new, old) or new
        bump_generation(new, old, info)
        self._validate(new, info, old)
        # What is stored in an earlier version is written in any case: that is how versions are migrated.
        if same_content(new, old) and live.obj["apiVersion"] == info.storage_version:
            return live.obj
        stored = await cluster.conversions.to_storage(new, info)
        key = info.storage_key
        if cluster.storage.get(key, *live.key) is not live:
            raise modified(info.plural, info.group, live.key[1])
        if write.request.dry_run:
            return stored
        written = cluster.storage.put(key, stored).obj
        metadata = written["metadata"]
        held = metadata.get("finalizers") or (
            info.plural == "namespaces" and (written.get("spec") or {}).get("finalizers")
        )
        if metadata.get("deletionTimestamp") and not held:
            return cluster.storage.remove(key, *live.key).obj
        return written

    async def patch(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        """`PATCH` in any of the formats."""
        content_type = request.content_type
        if content_type in ("application/apply-patch+yaml", "application/apply-patch+cbor"):
            return await self._apply(request, info, target, user)
        if content_type not in PATCH_TYPES or (info.crd is not None and "strategic" in content_type):
            raise unsupported_media_type()

        def compute(live: Object) -> Object:
            return apply_patch(content_type, request.body, live, info)

        return await self.patch_with(compute, request, info, target, user)

    async def patch_with(
        self, compute: Callable[[Object], Object], request: ApiRequest, info: ResourceInfo, target: Target, user: User
    ) -> ApiResponse:
        """Write what `compute` makes of the live object; again when another write came between."""
        for attempt in range(_PATCH_TRIES):
            live = self.live(info, target)
            write = Write(info, user, request, "UPDATE", namespace=live.key[0], subresource=target.subresource)
            served = await self._cluster.conversions.served_one(live, info)
            patched = compute(served_object(served.fresh(), info))
            patched, warnings = self._cluster.kinds.decode(patched, info, request)
            check_identity(patched, info, live.key[0], target.name)
            pinned = patched["metadata"].get("resourceVersion") != live.obj["metadata"]["resourceVersion"]
            try:
                stored = await self._replace(patched, live, write)
            except Exception as err:
                if pinned or attempt == _PATCH_TRIES - 1 or getattr(err, "reason", "") != "Conflict":
                    raise
                if self._cluster.storage.get(info.storage_key, *live.key) is live:
                    raise
                continue
            return await self._answer(stored, info, 200, warnings + write.warnings)
        raise modified(info.plural, info.group, target.name)

    async def _apply(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        namespace = target.namespace if info.namespaced else ""
        applied = decode_object(request, info.kind)
        check_kind(applied, info)
        refuse_undeclared(applied, info)
        applied, warnings = self._cluster.kinds.decode(applied, info, request)
        check_identity(applied, info, namespace, target.name)
        for attempt in range(_PATCH_TRIES):
            live = self._cluster.storage.get(info.storage_key, namespace, target.name)
            if live is None and target.subresource:
                raise not_found(info.plural, info.group, target.name)
            served = await self._cluster.conversions.served_one(live, info) if live else None
            before = served_object(served.fresh(), info) if served else None
            merged = server_side_apply(before, applied, request, info, target.subresource, self._cluster.now())
            write = Write(
                info, user, request, "UPDATE" if live else "CREATE", namespace=namespace, subresource=target.subresource
            )
            if live is None:
                stored = await self._create(merged, write, managed=True)
                return await self._answer(stored, info, 201, warnings + write.warnings)
            sent = applied["metadata"].get("resourceVersion")
            merged["metadata"]["resourceVersion"] = sent or live.obj["metadata"]["resourceVersion"]
            try:
                stored = await self._replace(merged, live, write, managed=True)
            except Exception as err:
                if sent or attempt == _PATCH_TRIES - 1 or getattr(err, "reason", "") != "Conflict":
                    raise
                continue
            return await self._answer(stored, info, 200, warnings + write.warnings)
        raise modified(info.plural, info.group, target.name)

    async def _answer(self, obj: Object, info: ResourceInfo, status: int, warnings: list[str]) -> ApiResponse:
        served = await self._cluster.conversions.served_object(obj, info)
        response = json_response(encode(served), status)
        response.warnings = warnings
        return response
