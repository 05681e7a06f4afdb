"""Objects between the version they are stored in and the version they are served in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.storage import Stored, encode

__all__ = ["item_bytes", "served_bytes", "served_object", "to_storage"]

Object = dict[str, Any]

# core/v1 Event to events.k8s.io/v1 Event: the same object, other names.
_EVENT_FIELDS: Mapping[str, str] = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_NEW_EVENTS = "events.k8s.io/v1"


def _renamed(obj: Object, names: Mapping[str, str]) -> Object:
    return {names.get(key, key): value for key, value in obj.items()}


def to_storage(obj: Object, info: ResourceInfo) -> Object:
    """The object in its storage version."""
    if info.api_version == info.storage_version:
        return obj
    if info.api_version == _NEW_EVENTS:
        obj = _renamed(obj, {new: old for old, new in _EVENT_FIELDS.items()})
    return {**obj, "apiVersion": info.storage_version}


def served_object(obj: Object, info: ResourceInfo) -> Object:
    """The object in the version of the request; shares its parts with `obj`."""
    if obj.get("apiVersion") == info.api_version:
        return obj
    if info.api_version == _NEW_EVENTS:
        obj = _renamed(obj, _EVENT_FIELDS)
    return {**obj, "apiVersion": info.api_version}


def item_bytes(stored: Stored, info: ResourceInfo) -> bytes:
    """The encoded object as an item of a list: the real server leaves apiVersion and kind of built-in kinds out."""
    raw = served_bytes(stored, info)
    head = f'{{"apiVersion":"{info.api_version}","kind":"{info.kind}",'.encode()
    return b"{" + raw[len(head) :] if info.crd is None and raw.startswith(head) else raw


def served_bytes(stored: Stored, info: ResourceInfo) -> bytes:
    """The encoded object in the version of the request."""
    current = stored.obj["apiVersion"]
    if current == info.api_version:
        return stored.raw
    if info.api_version == _NEW_EVENTS:
        return encode(served_object(stored.obj, info))
    # Stored bytes start with the apiVersion, so another version of the same shape is a splice.
    head = f'{{"apiVersion":"{current}"'.encode()
    return f'{{"apiVersion":"{info.api_version}"'.encode() + stored.raw[len(head) :]
