"""Watches: initial state, history, live changes, bookmarks, and the ends a watch can come to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.reads import requested_version
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, Target
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.selectors import Matcher, compile_selectors
from reconcile.testing.apiserver.shapes import Shape, partial_object, wanted_shape
from reconcile.testing.apiserver.status import StatusError, expired, invalid
from reconcile.testing.apiserver.storage import Change, Stored, Subscription, encode
from reconcile.testing.apiserver.tables import table_object
from reconcile.testing.apiserver.versions import served_bytes, served_object

__all__ = ["Watcher"]

# Seconds between bookmarks, and how long a watch lives when the client does not say. Source: the watch cache's
# bookmark frequency of about a minute and --min-request-timeout 1800; the first is shorter here because histories are.
BOOKMARK_INTERVAL = 10.0
MIN_REQUEST_TIMEOUT = 1800.0

_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


@dataclass(slots=True)
class _View:
    """How one client sees the changes of one resource."""

    request: ApiRequest
    info: ResourceInfo
    namespace: str
    matcher: Matcher | None
    shape: Shape
    cluster: Cluster
    first_table: bool = True

    def sees(self, stored: Stored) -> bool:
        """Whether an object is in the namespace and selected."""
        if self.namespace and stored.key[0] != self.namespace:
            return False
        return self.matcher is None or self.matcher(stored.obj)

    def event(self, kind: str, stored: Stored) -> bytes:
        """One line of the stream."""
        if self.shape is Shape.OBJECT:
            body = served_bytes(stored, self.info)
        elif self.shape is Shape.METADATA:
            body = encode(partial_object(stored.obj))
        else:
            body = self._table([served_object(stored.obj, self.info)], stored.version)
        return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"

    def _table(self, objects: list[dict[str, Any]], version: int) -> bytes:
        table = table_object(
            self.info,
            objects,
            self.request,
            self.cluster.now(),
            {"resourceVersion": str(version)},
            headers=self.first_table,
        )
        self.first_table = False
        return encode(table)

    def bookmark(self, version: int, annotations: Mapping[str, str] | None = None) -> bytes:
        """A line that only tells how far the stream is."""
        if self.shape is Shape.TABLE:
            metadata: dict[str, Any] = {"resourceVersion": str(version)}
            if annotations:
                metadata["annotations"] = dict(annotations)
            row = {
                "cells": [],
                "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata},
            }
            table = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": str(version)}}
            return encode({"type": "BOOKMARK", "object": {**table, "columnDefinitions": None, "rows": [row]}}) + b"\n"
        head = {"kind": self.info.kind, "apiVersion": self.info.api_version}
        if self.shape is Shape.METADATA:
            head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        metadata = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = dict(annotations)
        return encode({"type": "BOOKMARK", "object": {**head, "metadata": metadata}}) + b"\n"

    def change(self, change: Change) -> bytes | None:
        """The line for one change, None when this client does not see it."""
        sees_new = not change.deleted and self.sees(change.new)
        saw_old = change.old is not None and self.sees(change.old)
        if sees_new:
            return self.event("MODIFIED" if saw_old else "ADDED", change.new)
        if not saw_old or change.old is None:
            return None
        if change.deleted:
            return self.event("DELETED", change.new)
        # It left the selection: the client gets what it last saw, at the version of the change.
        last = change.old.fresh()
        last["metadata"]["resourceVersion"] = str(change.version)
        return self.event("DELETED", Stored(last, encode(last), change.version))


class Watcher:
    """Answers watch requests."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.stopping = False

    async def watch(self, request: ApiRequest, info: ResourceInfo, target: Target) -> ApiResponse:
        """A stream of events.

        Raises:
            StatusError: 400 or 422 for options that make no sense.
        """
        query = request.query
        matcher = compile_selectors(query.get("labelSelector", ""), query.get("fieldSelector", ""), info)
        if target.name:
            named = compile_selectors("", f"metadata.name={target.name}", info)
            matcher = _both(matcher, named)
        _check_initial_events(query, request)
        storage = self._cluster.storage
        namespace = target.namespace if info.namespaced else ""
        view = _View(request, info, namespace, matcher, wanted_shape(request.accept), self._cluster)
        version = (
            int(query["resourceVersion"])
            if query.get("resourceVersion", "").isdigit()
            else requested_version(query, storage.version)
        )
        subscription = storage.subscribe(info.storage_key)
        try:
            first = await self._first_lines(request, view, version)
        except StatusError as err:
            first = [encode({"type": "ERROR", "object": err.body()}) + b"\n"]
            subscription.overrun = True
        except BaseException:
            subscription.close()
            raise
        stream = self._stream(request, view, subscription, first)
        return ApiResponse(200, b"", {"Content-Type": "application/json"}, stream=stream)

    async def _first_lines(self, request: ApiRequest, view: _View, version: int | None) -> list[bytes]:
        storage = self._cluster.storage
        initial = request.flag("sendInitialEvents")
        if initial or (not version and "sendInitialEvents" not in request.query):
            listed, as_of = storage.listed(view.info.storage_key, view.namespace), storage.version
            served = await self._cluster.conversions.served(listed, view.info)
            lines = [view.event("ADDED", stored) for stored in served if view.sees(stored)]
            if initial and request.flag("allowWatchBookmarks"):
                lines.append(view.bookmark(as_of, _INITIAL_EVENTS_END))
            return lines
        since = version or storage.version
        oldest = storage.oldest(view.info.storage_key)
        if since < oldest:
            raise expired(f"too old resource version: {since} ({oldest})")
        changes = storage.changes_since(view.info.storage_key, since)
        return _present([view.change(await self._served(change, view.info)) for change in changes])

    async def _served(self, change: Change, info: ResourceInfo) -> Change:
        if info.conversion is None:
            return change
        new = await self._cluster.conversions.served_one(change.new, info)
        old = None if change.old is None else await self._cluster.conversions.served_one(change.old, info)
        return replace(change, new=new, old=old)

    async def _stream(
        self, request: ApiRequest, view: _View, subscription: Subscription, first: list[bytes]
    ) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        seconds = float(request.query.get("timeoutSeconds") or 0) or MIN_REQUEST_TIMEOUT * (1 + random.random())
        ends, bookmarks = loop.time() + seconds, request.flag("allowWatchBookmarks")
        next_bookmark = loop.time() + BOOKMARK_INTERVAL
        try:
            if first:
                yield b"".join(first)
            while not subscription.overrun and not self.stopping:
                deadline = min(ends, next_bookmark) if bookmarks else ends
                await subscription.wait(max(0.0, deadline - loop.time()))
                lines: list[bytes | None] = []
                while subscription.pending:
                    change = await self._served(subscription.pending.popleft(), view.info)
                    lines.append(view.change(change))
                if bookmarks and loop.time() >= min(next_bookmark, ends - 1):
                    lines.append(view.bookmark(self._cluster.storage.version))
                    next_bookmark = loop.time() + BOOKMARK_INTERVAL
                chunk = b"".join(_present(lines))
                if chunk:
                    yield chunk
                if loop.time() >= ends or self._unserved(view.info):
                    return
        finally:
            subscription.close()

    def _unserved(self, info: ResourceInfo) -> bool:
        return self._cluster.registry.find(info.group, info.version, info.plural) is None


def _present(lines: Iterable[bytes | None]) -> list[bytes]:
    return [line for line in lines if line is not None]


def _both(first: Matcher | None, second: Matcher | None) -> Matcher | None:
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)


def _check_initial_events(query: Mapping[str, str], request: ApiRequest) -> None:
    match = query.get("resourceVersionMatch", "")
    complaint = ""
    if "sendInitialEvents" in query:
        if match != "NotOlderThan":
            complaint = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    elif match:
        complaint = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    if complaint:
        cause = {"reason": "FieldValueForbidden", "message": f"Forbidden: {complaint}", "field": "resourceVersionMatch"}
        raise invalid("ListOptions", "meta.k8s.io", "", [cause])
