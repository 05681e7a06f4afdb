"""What the server knows of a kind beyond its name: fields, defaults, validation, ownership of fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconcile.testing.apiserver.apply import track_update
from reconcile.testing.apiserver.bodies import check_kind, duplicate_fields, field_validation
from reconcile.testing.apiserver.builtin_defaults import apply_builtin_defaults
from reconcile.testing.apiserver.builtin_schema import coerce, fill_defaults, schema_of
from reconcile.testing.apiserver.requests import ApiRequest
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.validation import Schema, builtin, validate_crd

__all__ = ["Kinds", "structural_schema"]

Object = dict[str, Any]
Cause = dict[str, Any]


def structural_schema(info: ResourceInfo) -> Mapping[str, Any] | None:
    """The schema of a custom resource, None for a built-in kind."""
    if info.crd is None:
        return None
    schema: Mapping[str, Any] = (info.crd.get("schema") or {}).get("openAPIV3Schema") or {}
    return schema


class Kinds:
    """Decoding, defaulting, validation and managedFields for every served kind."""

    def __init__(self) -> None:
        self._schemas: dict[str, tuple[Mapping[str, Any] | None, Schema]] = {}

    def decode(self, obj: Object, info: ResourceInfo, request: ApiRequest) -> tuple[Object, list[str]]:
        """The object without unknown fields, and the warnings about them.

        Raises:
            StatusError: 400 for wrong types, another kind, or unknown fields under `fieldValidation=Strict`.
        """
        check_kind(obj, info)
        unknown: list[str] = []
        if info.crd is None:
            schema = schema_of(info.group, info.version, info.kind)
            if schema is not None:
                obj = coerce(obj, schema, "", info.kind, unknown)
        else:
            unknown = self._schema(info).unknown_fields(obj)
        complaints = [f'unknown field "{path}"' for path in unknown]
        if request.query.get("fieldValidation") in ("Strict", "Warn") and request.method in ("POST", "PUT"):
            complaints += [f'duplicate field "{path}"' for path in duplicate_fields(request.body)]
        return obj, field_validation(request.query, info.kind, info.version, complaints)

    def default(self, obj: Object, info: ResourceInfo) -> None:
        """Fill defaults in, in place."""
        if info.crd is None:
            schema = schema_of(info.group, info.version, info.kind)
            if schema is not None:
                fill_defaults(obj, schema)
            apply_builtin_defaults(obj)
        else:
            self._schema(info).default(obj)

    def validate(self, obj: Object, info: ResourceInfo, old: Object | None) -> list[Cause]:
        """What is wrong with an object that replaces `old`."""
        if info.crd is not None:
            return list(self._schema(info).validate(obj, old))
        causes = list(builtin(info.kind)(obj, old))
        if info.kind == "CustomResourceDefinition" and not causes:
            causes += validate_crd(obj)
        return causes

    def pruned(self, obj: Object, info: ResourceInfo) -> Object:
        """The object without fields that its kind does not have, as after a mutating webhook."""
        if info.crd is not None:
            return self._schema(info).prune(obj)
        schema = schema_of(info.group, info.version, info.kind)
        result: Object = coerce(obj, schema, "", info.kind, []) if schema is not None else obj
        return result

    def _schema(self, info: ResourceInfo) -> Schema:
        # Compiling CEL rules costs milliseconds; the version entry lives as long as the definition is unchanged.
        known = self._schemas.get(info.storage_key + info.version)
        if known is None or known[0] is not info.crd:
            known = (info.crd, Schema(structural_schema(info), namespaced=info.namespaced))
            self._schemas[info.storage_key + info.version] = known
        return known[1]

    def track(
        self, old: Object | None, new: Object, info: ResourceInfo, request: ApiRequest, subresource: str, now: datetime
    ) -> Object:
        """`new` with the managedFields of this write."""
        return track_update(
            old, new, request.manager, "Update", info.api_version, subresource, now, structural_schema(info)
        )
