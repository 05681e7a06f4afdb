"""The CustomResourceDefinition of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconcile.api.model import KubeObject
from reconcile.schema.structural import Schema, schema_of

__all__ = ["custom_resource_definition", "version_of"]


def version_of(
    kind: type[KubeObject],
    *,
    storage: bool = True,
    served: bool = True,
    deprecated: bool = False,
    slots: Mapping[str, Schema] | None = None,
    schema: Schema | None = None,
) -> dict[str, Any]:
    """One entry of `spec.versions` of a CRD.

    Args:
        kind: the kind in that version.
        storage: objects are stored in this version; exactly one version says so.
        served: the API server answers for this version.
        deprecated: clients are warned.
        slots: schemas for fields that are marked with `slot`.
        schema: the schema, for a version that has no model of its own.
    """
    resource = kind.resource
    version: dict[str, Any] = {
        "name": resource.version,
        "served": served,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema if schema is not None else schema_of(kind, slots)},
        "subresources": {"status": {}} if resource.status_subresource else {},
    }
    if deprecated:
        version["deprecated"] = True
    if resource.printer_columns:
        version["additionalPrinterColumns"] = [dict(column) for column in resource.printer_columns]
    if resource.selectable_fields:
        version["selectableFields"] = [{"jsonPath": path} for path in resource.selectable_fields]
    return version


def custom_resource_definition(
    kind: type[KubeObject],
    *,
    other_versions: Sequence[Mapping[str, Any]] = (),
    slots: Mapping[str, Schema] | None = None,
) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, ready to apply.

    Args:
        kind: the kind in the version that is stored.
        other_versions: further entries of `spec.versions` (see `version_of`), in order.
        slots: schemas for fields that are marked with `slot`.

    Raises:
        TypeError: a field has no structural schema.
    """
    resource = kind.resource
    names: dict[str, Any] = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.singular or resource.kind.lower(),
    }
    if resource.short_names:
        names["shortNames"] = list(resource.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.name, "annotations": {}, "labels": dict(resource.labels)},
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [version_of(kind, slots=slots), *(dict(version) for version in other_versions)],
        },
    }
