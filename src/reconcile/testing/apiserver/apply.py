"""Server-side apply and the upkeep of `metadata.managedFields`, as kube-apiserver does them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconcile.testing.apiserver.causes import Cause
from reconcile.testing.apiserver.fieldset import Path, covers, from_fields_v1, path_text, to_fields_v1
from reconcile.testing.apiserver.mergeschema import empty_object, merge_schema
from reconcile.testing.apiserver.typedvalue import (
    Comparison,
    UndeclaredFieldError,
    compare,
    field_set,
    merge,
    remove,
    undeclared_field,
)

__all__ = [
    "UndeclaredFieldError",
    "check_declared",
    "conflict_message",
    "server_side_apply",
    "track_update",
]

SchemaNode = Mapping[str, Any]

MAX_UPDATE_MANAGERS = 10
"""More `Update` entries than this are folded into `ancient-changes`. Source: k8s.io/apimachinery managedfields."""

_UNTRACKED_METADATA = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
)
_UNTRACKED: frozenset[Path] = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(("f:metadata", f"f:{name}") for name in _UNTRACKED_METADATA),
    }
)


@dataclass(frozen=True)
class _Identity:
    manager: str
    operation: str
    api_version: str
    subresource: str


@dataclass
class _Entry:
    paths: set[Path]
    time: str


_Managers = dict[_Identity, _Entry]


def _stamp(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _decode(obj: Mapping[str, Any] | None) -> _Managers:
    entries: _Managers = {}
    for entry in ((obj or {}).get("metadata") or {}).get("managedFields") or ():
        identity = _Identity(
            entry.get("manager", ""),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )
        paths = from_fields_v1(entry.get("fieldsV1") or {})
        if identity in entries:
            entries[identity].paths |= paths
        else:
            entries[identity] = _Entry(paths, entry.get("time", ""))
    return entries


def _encode(entries: _Managers) -> list[dict[str, Any]]:
    encoded: list[dict[str, Any]] = []
    order = sorted(
        entries.items(),
        key=lambda pair: (pair[0].operation, pair[1].time, pair[0].manager, pair[0].api_version, pair[0].subresource),
    )
    for identity, entry in order:
        item: dict[str, Any] = {
            "manager": identity.manager,
            "operation": identity.operation,
            "apiVersion": identity.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(entry.paths),
        }
        if not entry.time:
            del item["time"]
        if identity.subresource:
            item["subresource"] = identity.subresource
        encoded.append(item)
    return encoded


def _bare(obj: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(obj)
    result["metadata"] = {k: v for k, v in (obj.get("metadata") or {}).items() if k != "managedFields"}
    return result


def _with_managers(obj: dict[str, Any], entries: _Managers) -> dict[str, Any]:
    encoded = _encode({identity: entry for identity, entry in entries.items() if entry.paths})
    if encoded:
        obj["metadata"]["managedFields"] = encoded
    return obj


def _release(entries: _Managers, keep: _Identity | None, taken: set[Path], removed: set[Path]) -> None:
    for identity, entry in entries.items():
        if identity != keep:
            entry.paths = entry.paths - taken - removed


def track_update(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    manager: str,
    operation: str = "Update",
    api_version: str = "",
    subresource: str = "",
    now: datetime | None = None,
    schema: SchemaNode | None = None,
) -> dict[str, Any]:
    """`new` with the managedFields that a create, update or patch by `manager` leaves behind.

    Args:
        old: the stored object, None for a create.
        new: the object about to be stored. `managedFields: []` in it resets the tracking, as at the API server.
        manager: the field manager.
        operation: `Update`.
        api_version: the version of the request; that of `new` when empty.
        subresource: for example `status`.
        now: the wall clock, aware.
        schema: the structural schema of a custom resource, None for a built-in kind.
    """
    node = merge_schema(schema, str(new.get("kind", "")), str(new.get("apiVersion", "")))
    sent = (new.get("metadata") or {}).get("managedFields")
    is_reset = old is not None and sent is not None and sent in ([], [{}])
    entries: _Managers = {} if is_reset else _decode(old if old is not None or not sent else new)
    result = copy.deepcopy(_bare(new))
    if is_reset:
        return result
    before = _bare(old) if old is not None else _empty_for(node, schema)
    changes = compare(before, result, node)
    _note_changes(
        entries, changes, _Identity(manager, operation, api_version or str(new.get("apiVersion", "")), subresource), now
    )
    _cap(entries, api_version)
    return _with_managers(result, entries)


def _note_changes(entries: _Managers, changes: Comparison, identity: _Identity, now: datetime | None) -> None:
    own = (changes.added | changes.modified) - _UNTRACKED
    _release(entries, None, own, changes.removed)
    if own:
        previous = entries.get(identity)
        entries[identity] = _Entry(own | (previous.paths if previous else set()), _stamp(now))


def _empty_for(node: SchemaNode, schema: SchemaNode | None) -> dict[str, Any]:
    return empty_object(node) if schema is None else {"metadata": {}}


def _cap(entries: _Managers, api_version: str) -> None:
    updaters = [identity for identity in entries if identity.operation == "Update" and entries[identity].paths]
    if len(updaters) <= MAX_UPDATE_MANAGERS:
        return
    updaters.sort(key=lambda identity: (entries[identity].time, identity.manager))
    for identity in updaters[: len(updaters) - MAX_UPDATE_MANAGERS + 1]:
        entry = entries.pop(identity)
        bucket = _Identity("ancient-changes", "Update", identity.api_version or api_version, "")
        if bucket in entries:
            entries[bucket].paths |= entry.paths
            entries[bucket].time = max(entries[bucket].time, entry.time)
        else:
            entries[bucket] = entry


def server_side_apply(
    live: Mapping[str, Any] | None,
    applied: Mapping[str, Any],
    manager: str,
    force: bool,
    schema: SchemaNode | None = None,
    *,
    now: datetime | None = None,
    subresource: str = "",
) -> tuple[dict[str, Any], list[Cause]]:
    """The object after `manager` applied its configuration, and the conflicts that keep it from being stored.

    Fields that the manager applied before and leaves out now are removed unless somebody else owns them. With `force`
    conflicts are taken over. An apply that changes nothing keeps the time of its entry.

    Args:
        live: the stored object, None when the apply creates it.
        applied: the configuration sent.
        manager: the field manager.
        force: take fields that others own.
        schema: the structural schema of a custom resource, None for a built-in kind.
        now: the wall clock, aware.
        subresource: for example `status`.
    """
    node = merge_schema(schema, str(applied.get("kind", "")), str(applied.get("apiVersion", "")))
    entries = _decode(live)
    before = _bare(live) if live is not None else _empty_for(node, schema)
    identity = _Identity(manager, "Apply", str(applied.get("apiVersion", "")), subresource)
    last = next((entries.pop(i) for i in list(entries) if _same_applier(i, identity)), None)
    config = copy.deepcopy(_bare(applied))
    owned = field_set(config, node) - _UNTRACKED
    result = merge(before, config, node)
    if last is not None:
        result = _drop_abandoned(result, node, last.paths, owned, entries)
    changes = compare(before, result, node)
    changed = changes.added | changes.modified
    conflicts = [] if force else _conflicts(entries, changed)
    _release(entries, None, changed, changes.removed)
    unchanged = last is not None and last.paths == owned and not (changed or changes.removed)
    entries[identity] = _Entry(owned, last.time if unchanged and last else _stamp(now))
    return _with_managers(copy.deepcopy(result), entries), conflicts


def check_declared(applied: Mapping[str, Any], schema: SchemaNode | None) -> None:
    """Check that the schema declares every field of a configuration.

    Raises:
        UndeclaredFieldError: it does not.
    """
    node = merge_schema(schema, str(applied.get("kind", "")), str(applied.get("apiVersion", "")))
    found = undeclared_field(applied, node)
    if found:
        meta = applied.get("metadata") or {}
        group, _, version = str(applied.get("apiVersion", "")).rpartition("/")
        where = f"{meta.get('namespace', '')}/{meta.get('name', '')}; {group}/{version}, Kind={applied.get('kind')}"
        raise UndeclaredFieldError(
            f"failed to create typed patch object ({where}): {found}: field not declared in schema"
        )


def _same_applier(left: _Identity, right: _Identity) -> bool:
    return (left.manager, left.operation, left.subresource) == (right.manager, right.operation, right.subresource)


def _drop_abandoned(merged: Any, node: SchemaNode, last: set[Path], owned: set[Path], others: _Managers) -> Any:
    still_owned = covers(owned).union(*(covers(entry.paths) for entry in others.values()))
    return remove(merged, node, covers(last) - still_owned - _UNTRACKED)


def _conflicts(entries: _Managers, changed: set[Path]) -> list[Cause]:
    causes: list[Cause] = []
    for identity, entry in entries.items():
        who = f'"{identity.manager}"'
        if identity.subresource:
            who += f' with subresource "{identity.subresource}"'
        if identity.operation == "Update":
            who += f" using {identity.api_version}"
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path_text(path)}
            for path in sorted(entry.paths & changed)
        ]
    return causes


def conflict_message(conflicts: list[Cause]) -> str:
    """The message of the 409 answer."""
    if len(conflicts) == 1:
        return f"Apply failed with 1 conflict: {conflicts[0]['message']}: {conflicts[0]['field']}"
    lines: list[str] = []
    for who in sorted({cause["message"] for cause in conflicts}):
        lines.append(who.replace("conflict with", "conflicts with", 1) + ":")
        lines += [f"- {cause['field']}" for cause in conflicts if cause["message"] == who]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
