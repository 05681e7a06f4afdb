"""Targets that are not Secrets, while they are being built: JSON in, JSON out."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret.ownership import (
    ANNOTATION_DATA_HASH,
    LABEL_MANAGED,
    set_owner,
)
from eso.controllers.managedfields import OwnedFields
from eso.controllers.templating import TemplateStep
from eso.errors import EsoError, InvalidSpecError
from eso.template.apply import execute
from eso.template.engine import Delims
from eso.transform.hash import object_hash

__all__ = ["build_manifest", "content_hash", "covers"]

_MAPS_OF_DATA: Final = ("ConfigMap", "Secret")
_FOREIGN_CONTENT_STAYS: Final = ("Merge", "CreateOrMerge")


def content_hash(wire: Mapping[str, Any]) -> str:
    """Hash of `.spec`, or of `.data` where there is no spec.

    Raises:
        EsoError: the object has neither.
    """
    for field in ("spec", "data"):
        if wire.get(field) is not None:
            return object_hash(wire[field])
    raise EsoError("the target has neither spec nor data, so changes of it cannot be noticed")


def covers(live: Any, wanted: Any) -> bool:
    """Whether `live` says everything that `wanted` says; fields that the API server filled in do not count."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and covers(live[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str | bytes):
        if not isinstance(live, Sequence) or isinstance(live, str | bytes) or len(live) != len(wanted):
            return False
        return all(covers(one, other) for one, other in zip(live, wanted, strict=True))
    return bool(live == wanted)


def build_manifest(
    es: ExternalSecret,
    name: str,
    existing: Mapping[str, Any] | None,
    data: Mapping[str, bytes],
    steps: Sequence[TemplateStep] | None,
    *,
    owned: OwnedFields,
    delims: Delims,
) -> dict[str, Any]:
    """The target as it should be.

    Args:
        es: the ExternalSecret; `spec.target.manifest` is set.
        name: of the target.
        existing: as it is, or None.
        data: what the providers gave.
        steps: of the template, or None without one.
        owned: labels and annotations that an earlier sync wrote.
        delims: of templates.

    Raises:
        OwnershipError: somebody else owns the target.
        InvalidSpecError: the template fails, or leads to no content.
    """
    manifest = es.spec.target.manifest
    assert manifest is not None
    wire = _base(es, name, existing, manifest.api_version, manifest.kind)
    metadata = wire["metadata"]
    labels = _map(metadata, "labels")
    annotations = _map(metadata, "annotations")
    for key in owned.labels:
        labels.pop(key, None)
    for key in owned.annotations:
        annotations.pop(key, None)
    template = es.spec.target.template
    if template is None:
        labels.update(es.metadata.labels)
        annotations.update(es.metadata.annotations)
        _fill(wire, manifest.kind, data)
    else:
        if template.metadata is not None:
            labels.update(template.metadata.labels or {})
            annotations.update(template.metadata.annotations or {})
        identity = _identity(wire)
        wire = _rendered(wire, data, steps or (), delims)
        changed = [field for field, value in _identity(wire).items() if value != identity[field]]
        if changed:
            # Otherwise a template could write into a namespace, or a kind, that nobody has allowed.
            raise InvalidSpecError(f"spec.target.template must not change {', '.join(changed)} of the target")
    if _is_secret(manifest.api_version, manifest.kind):
        _encode(wire)
    set_owner(wire["metadata"], es)
    _map(wire["metadata"], "labels")[LABEL_MANAGED] = "true"
    try:
        _map(wire["metadata"], "annotations")[ANNOTATION_DATA_HASH] = content_hash(wire)
    except EsoError as err:
        raise InvalidSpecError(f"{err}; write to spec or data in spec.target.template") from err
    return wire


def _base(
    es: ExternalSecret, name: str, existing: Mapping[str, Any] | None, api_version: str, kind: str
) -> dict[str, Any]:
    content = "data" if kind in _MAPS_OF_DATA else "spec"
    if existing is None:
        metadata = {"name": name, "namespace": es.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, content: {}}
    wire = copy.deepcopy(dict(existing))
    if es.spec.target.creation_policy not in _FOREIGN_CONTENT_STAYS:
        wire[content] = {}
    elif _is_secret(api_version, kind):
        wire["data"] = {key: _decoded(value) for key, value in (wire.get("data") or {}).items()}
    return wire


def _fill(wire: dict[str, Any], kind: str, data: Mapping[str, bytes]) -> None:
    texts = {key: value.decode("utf-8", "surrogateescape") for key, value in data.items()}
    if kind in _MAPS_OF_DATA:
        _map(wire, "data").update(texts)
    else:
        _map(_map(wire, "spec"), "data").update(texts)


def _rendered(
    wire: dict[str, Any], data: Mapping[str, bytes], steps: Sequence[TemplateStep], delims: Delims
) -> dict[str, Any]:
    for step in steps:
        try:
            wire = execute(
                step.templates,
                data,
                scope=step.scope,
                target=step.target or "Data",
                obj=wire,
                decoding=step.decoding,
                delims=delims,
            )
        except EsoError as err:
            raise InvalidSpecError(f"{step.where}: {err}") from err
    return wire


def _identity(wire: Mapping[str, Any]) -> dict[str, Any]:
    """Which object it is."""
    metadata = wire.get("metadata")
    fields = {field: wire.get(field) for field in ("apiVersion", "kind")}
    for field in ("name", "namespace", "uid", "resourceVersion"):
        fields[f"metadata.{field}"] = metadata.get(field) if isinstance(metadata, Mapping) else None
    return fields


def _is_secret(api_version: str, kind: str) -> bool:
    return (api_version, kind) == ("v1", "Secret")


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "surrogateescape")


def _encode(wire: dict[str, Any]) -> None:
    texts = wire.get("data") or {}
    encoded = {key: str(value).encode("utf-8", "surrogateescape") for key, value in texts.items()}
    wire["data"] = {key: base64.b64encode(value).decode() for key, value in encoded.items()}


def _map(parent: dict[str, Any], key: str) -> dict[str, Any]:
    if parent.get(key) is None:
        parent[key] = {}
    found: dict[str, Any] = parent[key]
    return found
