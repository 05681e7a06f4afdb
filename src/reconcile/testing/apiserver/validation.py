"""The door to validation: schemas of custom resources, built-in kinds, and CustomResourceDefinitions themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcile.testing.apiserver.builtins import builtin
from reconcile.testing.apiserver.causes import NO_FIELD, Cause, invalid, invalid_message, is_blocking, required
from reconcile.testing.apiserver.cel import RuleSet
from reconcile.testing.apiserver.crdvalidation import validate_crd
from reconcile.testing.apiserver.names import path_segment
from reconcile.testing.apiserver.objectmeta import validate_metadata, validate_metadata_update
from reconcile.testing.apiserver.schemavalues import validate_lists, validate_value
from reconcile.testing.apiserver.structural import apply_defaults, child_schema, drop_nulls, items_schema, prune

__all__ = ["Schema", "builtin", "invalid_message", "validate_crd"]

SchemaNode = Mapping[str, Any]

_META_FIELDS = ("apiVersion", "kind", "metadata")
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)


class Schema:
    """The structural schema of one version of a custom resource.

    Args:
        node: the `openAPIV3Schema`; None accepts and keeps everything.
        namespaced: the scope of the resource; None leaves `metadata.namespace` unchecked.
    """

    def __init__(self, node: SchemaNode | None, *, namespaced: bool | None = None) -> None:
        self.node: SchemaNode = node if node is not None else {"x-kubernetes-preserve-unknown-fields": True}
        self._namespaced = namespaced
        self._rules = RuleSet(self.node)
        self._body: SchemaNode = {
            **self.node,
            "properties": {k: v for k, v in (self.node.get("properties") or {}).items() if k not in _META_FIELDS},
        }

    @classmethod
    def from_crd_version(cls, crd: Mapping[str, Any], version: str) -> Schema:
        """The schema of `version` of a CustomResourceDefinition.

        Raises:
            KeyError: the CustomResourceDefinition has no such version.
        """
        for entry in crd["spec"]["versions"]:
            if entry["name"] == version:
                node = (entry.get("schema") or {}).get("openAPIV3Schema")
                return cls(node, namespaced=crd["spec"].get("scope") == "Namespaced")
        raise KeyError(f"{crd['metadata']['name']} has no version {version}")

    def prune(self, obj: dict[str, Any]) -> dict[str, Any]:
        """`obj` without undeclared fields; changed in place and returned."""
        prune(obj, self.node, root=True)
        return obj

    def unknown_fields(self, obj: dict[str, Any]) -> list[str]:
        """Prunes `obj` in place and returns the paths of what was removed, for `fieldValidation`."""
        return prune(obj, self.node, root=True)

    def default(self, obj: dict[str, Any]) -> dict[str, Any]:
        """`obj` with defaults filled in and nulls dropped where they are not allowed; changed in place and returned."""
        drop_nulls(obj, self._body)
        apply_defaults(obj, self._body)
        return obj

    def validate(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[Cause]:
        """Every cause to refuse `obj`, which replaces `old` (None at creation)."""
        metadata = obj.get("metadata") or {}
        causes: list[Cause] = []
        if old is None:
            causes += validate_metadata(metadata, path_segment, namespaced=self._namespaced)
        else:
            causes += validate_metadata_update(metadata, old.get("metadata") or {})
        return causes + self.validate_body(obj, old)

    def validate_body(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[Cause]:
        """As `validate`, without the checks of the metadata. Unchanged parts of `old` are not held against it."""
        causes = validate_value(dict(obj), self._body)
        causes += _embedded(dict(obj), self._body, "")
        causes += validate_lists(dict(obj), self._body)
        if old is not None:
            causes = _ratchet(causes, validate_value(dict(old), self._body), obj, old)
        if not self._rules.present:
            return causes
        if any(is_blocking(cause) for cause in causes):
            return [*causes, invalid(NO_FIELD, None, _UNCHECKED)]
        found = self._rules.validate(dict(obj), dict(old) if old is not None else None)
        if old is not None and found:
            found = _ratchet(found, self._rules.validate(dict(old)), obj, old)
        return causes + found


def _value_at(obj: Any, path: str) -> Any:
    node = obj
    for part in path.replace("[", ".[").split("."):
        if not part:
            continue
        if part.startswith("["):
            index = part[1:-1]
            node = node[int(index)] if isinstance(node, list) and index.isdigit() and int(index) < len(node) else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _ratchet(causes: list[Cause], before: list[Cause], obj: Any, old: Any) -> list[Cause]:
    """Validation ratcheting: a cause that the stored object had already, at a value that did not change, is let go."""
    return [
        cause
        for cause in causes
        if cause not in before
        or cause["field"] == NO_FIELD
        or _value_at(obj, cause["field"]) != _value_at(old, cause["field"])
    ]


def _embedded(value: Any, schema: SchemaNode | None, path: str) -> list[Cause]:
    """Embedded resources must name their apiVersion and kind."""
    causes: list[Cause] = []
    if schema is None:
        return causes
    if isinstance(value, dict):
        if schema.get("x-kubernetes-embedded-resource"):
            causes += [required(f"{path}.{name}") for name in ("apiVersion", "kind") if name not in value]
        for key, item in value.items():
            causes += _embedded(item, child_schema(schema, key), f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            causes += _embedded(item, items_schema(schema), f"{path}[{index}]")
    return causes
