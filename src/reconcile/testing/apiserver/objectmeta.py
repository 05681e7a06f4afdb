"""Validation of `metadata` at create and update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconcile.testing.apiserver.causes import Cause, forbidden, invalid, required, too_long
from reconcile.testing.apiserver.names import dns_label, label_key, label_value

__all__ = ["immutable", "validate_metadata", "validate_metadata_update"]

MAX_ANNOTATION_BYTES = 256 * 1024
"""Source: `TotalAnnotationSizeLimitB` of k8s.io/apimachinery."""

IMMUTABLE = "field is immutable"

_FIXED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")

NameCheck = Callable[[str], list[str]]


def immutable(field: str, new: Any, old: Any) -> list[Cause]:
    """The cause of a field that changed though it must not."""
    return [] if new == old else [invalid(field, new, IMMUTABLE)]


def validate_metadata(
    metadata: Mapping[str, Any], check_name: NameCheck, *, namespaced: bool | None = None, field: str = "metadata"
) -> list[Cause]:
    """Causes in the metadata of a new object; `namespaced` None leaves the namespace unchecked."""
    causes: list[Cause] = []
    prefix = metadata.get("generateName")
    if prefix:
        causes += [invalid(f"{field}.generateName", prefix, text) for text in check_name(_trimmed(prefix))]
    name = metadata.get("name")
    if not name:
        causes.append(required(f"{field}.name", "name or generateName is required"))
    else:
        causes += [invalid(f"{field}.name", name, text) for text in check_name(name)]
    if namespaced is not None:
        causes += _namespace(metadata.get("namespace") or "", namespaced, f"{field}.namespace")
    if (metadata.get("generation") or 0) < 0:
        causes.append(invalid(f"{field}.generation", metadata["generation"], "must be greater than or equal to 0"))
    causes += _shared(metadata, field)
    for finalizer in metadata.get("finalizers") or ():
        causes += [invalid(f"{field}.finalizers", finalizer, text) for text in label_key(finalizer)]
    if {"orphan", "foregroundDeletion"} <= set(metadata.get("finalizers") or ()):
        text = "finalizer foregroundDeletion and orphan cannot be both set"
        causes.append(invalid(f"{field}.finalizers", metadata["finalizers"], text))
    return causes


def _trimmed(prefix: str) -> str:
    """A generateName may end in `-`: it is checked as if a letter followed, as the server does."""
    return f"{prefix[:-1]}a" if prefix.endswith("-") and len(prefix) > 1 else prefix


def _namespace(namespace: str, namespaced: bool, field: str) -> list[Cause]:
    if not namespaced:
        return [forbidden(field, "not allowed on this type")] if namespace else []
    if not namespace:
        return [required(field)]
    return [invalid(field, namespace, text) for text in dns_label(namespace)]


def validate_metadata_update(new: Mapping[str, Any], old: Mapping[str, Any], field: str = "metadata") -> list[Cause]:
    """Causes in metadata that replaces `old`."""
    causes: list[Cause] = []
    if old.get("deletionTimestamp"):
        extra = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
        if extra:
            listed = ", ".join(f'"{name}"' for name in extra)
            text = (
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{listed}}}"
            )
            causes.append(forbidden(f"{field}.finalizers", text))
    if not new.get("resourceVersion"):
        causes.append(invalid(f"{field}.resourceVersion", "", "must be specified for an update"))
    for name in _FIXED:
        causes += immutable(f"{field}.{name}", new.get(name) or None, old.get(name) or None)
    return causes + _shared(new, field)


def _shared(metadata: Mapping[str, Any], field: str) -> list[Cause]:
    causes: list[Cause] = []
    for key, value in (metadata.get("labels") or {}).items():
        causes += [invalid(f"{field}.labels", key, text) for text in label_key(key)]
        causes += [invalid(f"{field}.labels", value, text) for text in label_value(value)]
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    for key in annotations:
        causes += [invalid(f"{field}.annotations", key, text) for text in label_key(key.lower())]
    if sum(len(k.encode()) + len(v.encode()) for k, v in annotations.items()) > MAX_ANNOTATION_BYTES:
        causes.append(too_long(f"{field}.annotations", MAX_ANNOTATION_BYTES))
    return causes + _owner_references(metadata.get("ownerReferences") or [], f"{field}.ownerReferences")


def _owner_references(references: list[Mapping[str, Any]], field: str) -> list[Cause]:
    causes: list[Cause] = []
    controller = ""
    for reference in references:
        if not str(reference.get("apiVersion") or "").rpartition("/")[2]:
            causes.append(
                invalid(f"{field}.apiVersion", reference.get("apiVersion") or "", "version must not be empty")
            )
        for name in ("kind", "name", "uid"):
            if not reference.get(name):
                causes.append(invalid(f"{field}.{name}", reference.get(name) or "", "must not be empty"))
        if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
            causes.append(invalid(field, reference, "/v1, Kind=Event is disallowed from being an owner"))
        if reference.get("controller"):
            current = f"{reference.get('kind')}/{reference.get('name')}"
            if controller:
                text = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {current}"
                )
                causes.append(invalid(field, references, text))
            controller = controller or current
    return causes
