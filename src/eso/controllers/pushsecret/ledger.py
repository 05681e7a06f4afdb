"""`status.syncedPushSecrets`: what was pushed where, what of it is ours to delete, and what has to be deleted now."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretData
from reconcile.api.model import KubeObject

__all__ = [
    "FINALIZER",
    "FOUND",
    "OWN",
    "Marks",
    "Synced",
    "destination",
    "key_of",
    "marked",
    "merged",
    "minus",
    "stale",
    "synced",
    "with_marks",
]

FINALIZER: Final = "pushsecret.externalsecrets.io/finalizer"
"""Holds a PushSecret until what it has at providers is deleted."""

FOUND: Final = "pushsecrets.external-secrets.io/found-at-provider"
"""Annotation: JSON of store -> destinations that existed before and were left alone; they are never deleted.

It is an annotation because the status of the released CustomResourceDefinition has no place for it.
"""

OWN: Final = (FOUND,)
"""Annotations that the operator itself keeps: they are no edits of the object."""

Synced = dict[str, dict[str, PushSecretData]]
"""Store (`<kind>/<name>`) -> destination (`<remoteKey>` or `<remoteKey>/<property>`) -> the entry as it was pushed."""

Marks = dict[str, frozenset[str]]
"""Store -> destinations."""


def key_of(store: KubeObject) -> str:
    """How the status names a store."""
    return f"{store.resource.kind}/{store.name}"


def destination(entry: PushSecretData) -> str:
    """How the status names where an entry goes."""
    ref = entry.match.remote_ref
    return f"{ref.remote_key}/{ref.property}" if ref.property else ref.remote_key


def synced(push: PushSecret) -> Synced:
    """The map in the status, as a copy; empty when there is none."""
    return {store: dict(entries) for store, entries in (push.status.synced_push_secrets or {}).items()}


def merged(old: Mapping[str, Mapping[str, PushSecretData]], new: Mapping[str, Mapping[str, PushSecretData]]) -> Synced:
    """Everything in either map; what both have is as in `new`."""
    return {store: {**old.get(store, {}), **new.get(store, {})} for store in sorted({*old, *new})}


def minus(found: Synced, gone: Synced, left: Synced) -> Synced:
    """The map without what is in `gone`, but for what is in `left`; a store goes with its last entry."""
    rest: Synced = {}
    for store, entries in found.items():
        removed = gone.get(store, {}).keys() - left.get(store, {}).keys()
        kept = {where: entry for where, entry in entries.items() if where not in removed}
        if kept or store not in gone:
            rest[store] = kept
    return rest


def stale(old: Synced, new: Synced, failed: Collection[str]) -> Synced:
    """What the status lists and nobody produces any more, as far as it may be deleted now.

    A store that is no longer used keeps its values until every store that is used holds them.

    Args:
        old: the status before the pass.
        new: what the pass has pushed, with every store that it used.
        failed: stores of `new` where something could not be pushed; `""` stands for one that was not even found.
    """
    found: Synced = {}
    for store, entries in old.items():
        if failed and (store in failed or store not in new):
            continue
        gone = {where: entry for where, entry in entries.items() if where not in new.get(store, {})}
        if gone or store not in new:
            found[store] = gone
    return found


def marked(push: PushSecret) -> Marks:
    """Destinations that were found at the provider; nothing when the annotation is absent or was tampered with."""
    try:
        stored = json.loads(push.metadata.annotations.get(FOUND, "{}"))
    except ValueError:
        return {}
    if not isinstance(stored, dict):
        return {}
    return {store: frozenset(map(str, found)) for store, found in stored.items() if isinstance(found, list)}


def with_marks(marks: Marks) -> str | None:
    """Value of the annotation; None when there is nothing to say."""
    kept = {store: sorted(found) for store, found in sorted(marks.items()) if found}
    return json.dumps(kept, separators=(",", ":")) if kept else None
