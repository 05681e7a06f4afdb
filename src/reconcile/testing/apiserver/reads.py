"""Get and list: selectors, paging from a snapshot, and the three shapes of an answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.deletes import list_body
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, Target, json_response
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.selectors import compile_selectors
from reconcile.testing.apiserver.shapes import Shape, partial_object, wanted_shape
from reconcile.testing.apiserver.status import StatusError, bad_request, expired, invalid
from reconcile.testing.apiserver.storage import Stored, decode, encode
from reconcile.testing.apiserver.tables import table_object
from reconcile.testing.apiserver.versions import item_bytes, served_bytes, served_object

__all__ = ["Reader", "requested_version"]

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def requested_version(query: Mapping[str, str], current: int) -> int | None:
    """The `resourceVersion` parameter; None without one.

    Raises:
        StatusError: 400 for something else than a number, 504 for a version from the future.
    """
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if not text.isdigit():
        message = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        cause = {"reason": "FieldValueInvalid", "message": message, "field": "resourceVersion"}
        raise invalid("ListOptions", "meta.k8s.io", "", [cause])
    version = int(text)
    if version > current:
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        message = f"Timeout: Too large resource version: {version}, current: {current}"
        raise StatusError(
            504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1}, headers={"Retry-After": "1"}
        )
    return version


def _token(version: int, stored: Stored) -> str:
    start = "/".join(part for part in stored.key if part) + "\0"
    payload = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": version, "start": start, "key": list(stored.key)})
    return base64.urlsafe_b64encode(payload).decode().rstrip("=")


def _parse_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        payload = decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(payload["rv"]), (payload["key"][0], payload["key"][1])
    except (
        binascii.Error,
        msgspec.DecodeError,
        UnicodeDecodeError,
        KeyError,
        TypeError,
        IndexError,
        ValueError,
    ) as err:
        raise bad_request(
            "invalid continue token: continue key is not valid: it was not issued by this server"
        ) from err


class Reader:
    """Answers get and list from storage."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def get(self, request: ApiRequest, info: ResourceInfo, target: Target, stored: Stored) -> ApiResponse:
        """One object in the shape the client wants."""
        stored = await self._cluster.conversions.served_one(stored, info)
        shape = wanted_shape(request.accept)
        if shape is Shape.TABLE:
            objects = [served_object(stored.obj, info)]
            metadata = {"resourceVersion": stored.obj["metadata"]["resourceVersion"]}
            return json_response(encode(table_object(info, objects, request, self._cluster.now(), metadata)))
        if shape is Shape.METADATA:
            return json_response(encode(partial_object(stored.obj)))
        return json_response(served_bytes(stored, info))

    async def collection(self, request: ApiRequest, info: ResourceInfo, target: Target) -> ApiResponse:
        """The objects of a collection.

        Raises:
            StatusError: 410 for an old continue token.
        """
        query = request.query
        matcher = compile_selectors(query.get("labelSelector", ""), query.get("fieldSelector", ""), info)
        limit = int(query["limit"]) if query.get("limit", "").isdigit() else 0
        listed, version = self._collection(request, info, target)
        objects = list(await self._cluster.conversions.served(listed, info))
        if matcher is not None:
            objects = [stored for stored in objects if matcher(stored.obj)]
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if limit and len(objects) > limit:
            metadata["continue"] = _token(version, objects[limit - 1])
            if matcher is None:
                metadata["remainingItemCount"] = len(objects) - limit
            objects = objects[:limit]
        return self._answer(request, info, objects, metadata)

    def _collection(self, request: ApiRequest, info: ResourceInfo, target: Target) -> tuple[list[Stored], int]:
        storage = self._cluster.storage
        namespace = target.namespace if info.namespaced else None
        token = request.query.get("continue", "")
        if not token:
            self._exact(request, storage.version)
            objects = storage.listed(info.storage_key, namespace)
            if request.query.get("limit"):
                storage.keep_snapshot(info.storage_key, storage.version, storage.listed(info.storage_key))
            return objects, storage.version
        if request.query.get("resourceVersion"):
            raise bad_request("specifying resource version is not allowed when using continue")
        version, key = _parse_token(token)
        if version < 0:
            snapshot: list[Stored] | None = storage.listed(info.storage_key)
            version = storage.version
        else:
            snapshot = storage.snapshot(info.storage_key, version)
        if snapshot is None:
            resume = base64.urlsafe_b64encode(msgspec.json.encode({"rv": -1, "key": list(key)})).decode().rstrip("=")
            raise expired(_TOO_OLD, resume=resume)
        rest = [stored for stored in snapshot if stored.key > key and namespace in (None, "", stored.key[0])]
        return rest, version

    @staticmethod
    def _exact(request: ApiRequest, current: int) -> None:
        version = requested_version(request.query, current)
        if request.query.get("resourceVersionMatch") == "Exact" and version not in (None, current):
            raise expired(f"The resourceVersion for the provided list is too old: {version}")

    def _answer(
        self, request: ApiRequest, info: ResourceInfo, objects: list[Stored], metadata: dict[str, Any]
    ) -> ApiResponse:
        shape = wanted_shape(request.accept)
        if shape is Shape.TABLE:
            served = [served_object(stored.obj, info) for stored in objects]
            return json_response(encode(table_object(info, served, request, self._cluster.now(), metadata)))
        if shape is Shape.METADATA:
            items = [partial_object(stored.obj) for stored in objects]
            kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
            return json_response(encode({**kind, "metadata": metadata, "items": items}))
        return json_response(list_body(info, [item_bytes(stored, info) for stored in objects], metadata))
