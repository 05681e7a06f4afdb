"""The target Secret while it is being built: a copy of what exists, changed until it is what is wanted."""

from __future__ import annotations

import base64
import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret.ownership import (
    ANNOTATION_DATA_HASH,
    LABEL_MANAGED,
    field_owner,
    set_owner,
)
from eso.controllers.managedfields import OwnedFields, owned_fields
from eso.transform.hash import object_hash

__all__ = ["Draft", "Render", "Template", "build", "is_valid"]

_KEEPS_FOREIGN_KEYS: Final = ("Merge", "CreateOrMerge")

Render = Callable[["Draft"], None]
"""Writes the rendered templates into a draft."""

Template = Callable[[], Awaitable[Render]]
"""Fetches what the templates need; called only when they are going to be rendered."""


@dataclass(slots=True)
class Draft:
    """A Secret in pieces that can be changed; `data` holds bytes, everything else its JSON form."""

    metadata: dict[str, Any]
    data: dict[str, bytes] = field(repr=False)
    type: str = ""
    immutable: bool = False
    rest: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def new(cls, namespace: str, name: str) -> Draft:
        """An empty Secret."""
        return cls(metadata={"name": name, "namespace": namespace}, data={})

    @classmethod
    def of(cls, wire: Mapping[str, Any]) -> Draft:
        """A deep copy of a Secret as the API server gave it."""
        body = copy.deepcopy(dict(wire))
        encoded = body.pop("data", None) or {}
        return cls(
            metadata=body.pop("metadata"),
            data={key: base64.b64decode(value) for key, value in encoded.items()},
            type=body.pop("type", "") or "",
            immutable=bool(body.pop("immutable", False)),
            rest=body,
        )

    def to_wire(self) -> dict[str, Any]:
        """The JSON form. managedFields are left out: the API server keeps its own."""
        metadata = {key: value for key, value in self.metadata.items() if key != "managedFields"}
        wire: dict[str, Any] = {**self.rest, "apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        wire["data"] = {key: base64.b64encode(value).decode() for key, value in self.data.items()}
        if self.type:
            wire["type"] = self.type
        if self.immutable:
            wire["immutable"] = True
        return wire

    @property
    def labels(self) -> dict[str, str]:
        """Labels; created when missing."""
        return _map_of(self.metadata, "labels")

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations; created when missing."""
        return _map_of(self.metadata, "annotations")

    def same_content(self, other: Draft) -> bool:
        """Whether data, type and the immutable flag are equal."""
        return (self.data, self.type, self.immutable) == (other.data, other.type, other.immutable)

    def same_metadata(self, other: Draft) -> bool:
        """Whether labels, annotations, owners and finalizers are equal; an empty map equals none."""
        keys = ("labels", "annotations", "ownerReferences", "finalizers")
        return all((self.metadata.get(key) or None) == (other.metadata.get(key) or None) for key in keys)


def _map_of(metadata: dict[str, Any], key: str) -> dict[str, str]:
    if metadata.get(key) is None:
        metadata[key] = {}
    found: dict[str, str] = metadata[key]
    return found


def is_valid(wire: Mapping[str, Any] | None, es: ExternalSecret) -> bool:
    """Whether the target is what the last sync left: there, labelled, its data unchanged since."""
    if es.spec.target.creation_policy == "Orphan":
        return True
    if wire is None:
        return False
    draft = Draft.of(wire)
    if draft.labels.get(LABEL_MANAGED) != "true":
        return False
    return draft.annotations.get(ANNOTATION_DATA_HASH) == object_hash(draft.data)


def build(
    es: ExternalSecret, name: str, existing: Mapping[str, Any] | None, data: Mapping[str, bytes], render: Render
) -> Draft:
    """The Secret as it should be.

    Args:
        es: the ExternalSecret.
        name: the target's name.
        existing: the target as it is, with managedFields, or None.
        data: what the providers gave.
        render: applies `target.template` to the draft; called only when there is one.

    Raises:
        OwnershipError: somebody else owns the target.
        EsoError: the template cannot be rendered.
    """
    draft = Draft.of(existing) if existing is not None else Draft.new(es.namespace, name)
    if es.spec.target.immutable:
        draft.immutable = True
    if existing is None or not es.spec.target.immutable:
        _fill(draft, es, data, render)
    set_owner(draft.metadata, es)
    draft.labels[LABEL_MANAGED] = "true"
    draft.annotations[ANNOTATION_DATA_HASH] = object_hash(draft.data)
    return draft


def _fill(draft: Draft, es: ExternalSecret, data: Mapping[str, bytes], render: Render) -> None:
    owned = owned_fields(draft.metadata.get("managedFields"), (field_owner(es.name),))
    template = es.spec.target.template
    _drop_owned(draft, owned)
    if es.spec.target.creation_policy not in _KEEPS_FOREIGN_KEYS:
        draft.data.clear()
    if template is None:
        draft.labels.update(es.metadata.labels)
        draft.annotations.update(es.metadata.annotations)
        draft.data.update(data)
        return
    if template.metadata is not None:
        draft.labels.update(template.metadata.labels or {})
        draft.annotations.update(template.metadata.annotations or {})
        if not draft.metadata.get("deletionTimestamp"):
            _add_finalizers(draft.metadata, template.metadata.finalizers or [])
    if template.type:
        draft.type = template.type
    if template.merge_policy == "Merge" or not (template.data or template.template_from):
        draft.data.update(data)
    render(draft)


def _drop_owned(draft: Draft, owned: OwnedFields) -> None:
    for key in owned.data:
        draft.data.pop(key, None)
    for key in owned.labels:
        draft.labels.pop(key, None)
    for key in owned.annotations:
        draft.annotations.pop(key, None)


def _add_finalizers(metadata: dict[str, Any], wanted: list[str]) -> None:
    present: list[str] = list(metadata.get("finalizers") or ())
    present += [finalizer for finalizer in wanted if finalizer not in present]
    if present:
        metadata["finalizers"] = present
