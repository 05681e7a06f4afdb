"""What the server does to metadata, status and generation before an object is written."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import Any

from reconcile.testing.apiserver.builtin_defaults import reset_builtin_status
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import StatusError, bad_request, conflict, invalid, modified

__all__ = ["check_identity", "generate_name", "prepare_create", "prepare_update", "same_content", "timestamp"]

Object = dict[str, Any]

# Letters and digits that generated names use: no vowels, nothing that looks like another. Source: apimachinery's rand.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX = 5
_MAX_GENERATED_BASE = 63 - _SUFFIX
_SERVER_OWNED = (
    "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "namespace", "name",
)  # fmt: skip
# Kinds whose builtin status starts empty are not given one unless their type has the field.
_IGNORED_FOR_GENERATION = frozenset({"metadata", "status", "apiVersion", "kind"})


def timestamp(now: datetime) -> str:
    """`metav1.Time`: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def generate_name(base: str) -> str:
    """A name from `metadata.generateName`."""
    return base[:_MAX_GENERATED_BASE] + "".join(random.choices(_ALPHABET, k=_SUFFIX))


def check_identity(obj: Object, info: ResourceInfo, namespace: str, name: str | None) -> None:
    """Fill the namespace in and compare the object with the URL.

    Raises:
        StatusError: 400, when they disagree; 422 without any name.
    """
    metadata = obj.setdefault("metadata", {})
    if not info.namespaced:
        metadata.pop("namespace", None)
    elif metadata.get("namespace", namespace) in ("", namespace):
        metadata["namespace"] = namespace
    else:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if name is not None:
        sent = metadata.setdefault("name", name)
        if sent != name:
            raise bad_request(f"the name of the object ({sent}) does not match the name on the URL ({name})")


def prepare_create(obj: Object, info: ResourceInfo, now: datetime) -> Object:
    """A new object with identity and first generation, in place."""
    metadata = obj["metadata"]
    if metadata.get("resourceVersion") not in (None, "", "0"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(metadata["generateName"])
    for key in ("resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        metadata.pop(key, None)
    if not metadata.get("name"):
        message = "Required value: name or generateName is required"
        cause = {"reason": "FieldValueRequired", "message": message, "field": "metadata.name"}
        raise invalid(info.kind, info.group, "", [cause])
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(now)
    if info.has_generation:
        metadata["generation"] = 1
    if info.has_status:
        if info.crd is None:
            reset_builtin_status(obj)
        else:
            obj.pop("status", None)
    return obj


def _check_preconditions(metadata: Object, old: Object, info: ResourceInfo) -> None:
    was = old["metadata"]
    version = metadata.get("resourceVersion") or ""
    if info.needs_version and version in ("", "0"):
        message = "Invalid value: 0: must be specified for an update"
        cause = {"reason": "FieldValueInvalid", "message": message, "field": "metadata.resourceVersion"}
        raise invalid(info.plural, info.group, was["name"], [cause])
    uid = metadata.get("uid")
    if uid and uid != was["uid"]:
        raise _wrong_uid(info, was, uid, version)
    if version not in ("", "0") and version != was["resourceVersion"]:
        raise modified(info.plural, info.group, was["name"])


def _wrong_uid(info: ResourceInfo, was: Object, uid: str, version: str) -> StatusError:
    namespace = f"/{was['namespace']}" if was.get("namespace") else ""
    why = (
        f"StorageError: invalid object, Code: 4, Key: /registry/{info.plural}{namespace}/{was['name']}, "
        f"ResourceVersion: {version or 0}, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, "
        f"UID in object meta: {was['uid']}"
    )
    return conflict(info.plural, info.group, was["name"], why)


def prepare_update(new: Object, old: Object, info: ResourceInfo, subresource: str) -> Object:
    """The object to write when a client sends `new` for `old`; `new` is changed in place.

    Args:
        new: the client's object; parts that this subresource does not write are replaced from `old`.
        old: a private copy of the stored object.
        info: the kind.
        subresource: empty, or `status`, `finalize`.

    Raises:
        StatusError: 409 for a stale resourceVersion or another UID, 422 for finalizers added while deleting.
    """
    metadata, was = new["metadata"], old["metadata"]
    _check_preconditions(metadata, old, info)
    if subresource == "status":
        status = new.get("status")
        managed = metadata.get("managedFields")
        new = old
        metadata = new["metadata"]
        new.pop("status", None)
        if status is not None:
            new["status"] = status
        if managed is not None:
            metadata["managedFields"] = managed
    elif subresource == "finalize":
        new = {**old, "spec": {**old.get("spec", {}), "finalizers": (new.get("spec") or {}).get("finalizers", [])}}
        metadata = new["metadata"]
    elif info.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    for key in _SERVER_OWNED:
        if key in was:
            metadata[key] = was[key]
        else:
            metadata.pop(key, None)
    metadata["resourceVersion"] = was["resourceVersion"]
    _check_finalizers(new, was, info)
    return new


def _check_finalizers(new: Object, was: Object, info: ResourceInfo) -> None:
    if "deletionTimestamp" not in was:
        return
    before = was.get("finalizers") or []
    added = [name for name in new["metadata"].get("finalizers") or [] if name not in before]
    if added:
        listed = ", ".join(f'"{name}"' for name in added)
        message = (
            "Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}"
        )
        cause = {"reason": "FieldValueForbidden", "message": message, "field": "metadata.finalizers"}
        raise invalid(info.kind, info.group, was["name"], [cause])


def bump_generation(new: Object, old: Object, info: ResourceInfo) -> None:
    """Count a change of anything but metadata and status, in place."""
    if not info.has_generation:
        return
    ignored = _IGNORED_FOR_GENERATION if info.has_status or info.crd is None else _IGNORED_FOR_GENERATION - {"status"}
    keys = (new.keys() | old.keys()) - ignored
    generation = old["metadata"].get("generation", 0)
    changed = any(new.get(key) != old.get(key) for key in keys)
    new["metadata"]["generation"] = generation + 1 if changed else generation


def same_content(new: Object, old: Object) -> bool:
    """Whether a write would change nothing but the times in managedFields."""

    def bare(obj: Object) -> Object:
        metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        entries = obj["metadata"].get("managedFields") or []
        managed = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
        return {**obj, "metadata": {**metadata, "managedFields": managed}}

    if {key: value for key, value in new.items() if key != "metadata"} != {
        k: v for k, v in old.items() if k != "metadata"
    }:
        return False
    return bare(new) == bare(old)
