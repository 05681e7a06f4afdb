"""Generated values that stay: whether the target of an ExternalSecret that was never synced already holds them.

A password that is made once must not change because its ExternalSecret was deleted and created again, came back from a backup,
or lost its status when the operator died between writing the Secret and writing that it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret, ExternalSecretDataFromRemoteRef
from eso.controllers.externalsecret.draft import Draft, Render, Template
from eso.controllers.externalsecret.ownership import ANNOTATION_DATA_HASH, LABEL_MANAGED, LABEL_OWNER, owner_label
from eso.controllers.externalsecret.refresh import refresh_interval
from eso.transform.hash import object_hash

__all__ = ["kept_data", "unchanged"]

_MADE_HERE: Final = ("Password", "SSHKey", "UUID")
"""Kinds whose values nobody else knows: they do not expire, and nobody revokes them."""


def kept_data(es: ExternalSecret, current: Mapping[str, Any] | None) -> dict[str, bytes] | None:
    """The data of the target if it is to stay; None if values have to be made.

    Args:
        es: the ExternalSecret.
        current: its target as it is.
    """
    if current is None or es.status.synced_resource_version or not _made_once(es):
        return None
    if not es.spec.data_from or es.spec.data or not all(map(_is_made_here, es.spec.data_from)):
        return None
    template = es.spec.target.template
    if template is not None and template.metadata is not None:
        return None
    draft = Draft.of(current)
    if draft.labels.get(LABEL_MANAGED) != "true" or not draft.data:
        return None
    if draft.annotations.get(ANNOTATION_DATA_HASH) != object_hash(draft.data):
        return None
    policy = es.spec.target.creation_policy
    if policy == "Owner" and draft.labels.get(LABEL_OWNER) != owner_label(es.namespace, es.name):
        return None
    return draft.data if policy in ("Owner", "Orphan") else None


def unchanged(data: Mapping[str, bytes]) -> Template:
    """A template that leaves values which another has made as they are."""

    def render(draft: Draft) -> None:
        draft.data.clear()
        draft.data.update(data)

    async def prepare() -> Render:
        return render

    return prepare


def _made_once(es: ExternalSecret) -> bool:
    return es.spec.refresh_policy in ("CreatedOnce", "OnChange") or refresh_interval(es) <= 0


def _is_made_here(entry: ExternalSecretDataFromRemoteRef) -> bool:
    if entry.find is not None or entry.extract is not None or entry.source_ref is None:
        return False
    reference = entry.source_ref.generator_ref
    return reference is not None and reference.kind in _MADE_HERE
