"""What managedFields say: which fields of an object a program has written."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["OwnedFields", "owned_fields"]


@dataclass(frozen=True, slots=True)
class OwnedFields:
    """What was written before: names of data keys, labels and annotations."""

    data: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()


def owned_fields(managed_fields: Sequence[Mapping[str, Any]] | None, managers: Container[str]) -> OwnedFields:
    """Data keys, labels and annotations that any of `managers` owns."""
    data: set[str] = set()
    labels: set[str] = set()
    annotations: set[str] = set()
    for entry in managed_fields or ():
        if entry.get("manager") not in managers:
            continue
        fields = entry.get("fieldsV1") or {}
        metadata = fields.get("f:metadata") or {}
        data |= _names(fields.get("f:data"))
        labels |= _names(metadata.get("f:labels"))
        annotations |= _names(metadata.get("f:annotations"))
    return OwnedFields(frozenset(data), frozenset(labels), frozenset(annotations))


def _names(fields: Mapping[str, Any] | None) -> set[str]:
    return {name.removeprefix("f:") for name in fields or () if name.startswith("f:")}
