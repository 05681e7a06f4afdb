"""Validation of CustomResourceDefinitions: names, versions, structural schemas, rules."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

import re2

from reconcile.testing.apiserver.causes import Cause, forbidden, invalid, not_supported, required
from reconcile.testing.apiserver.cel import CompileError, Rule, RuleSet, escape
from reconcile.testing.apiserver.names import dns_label_1035, dns_subdomain
from reconcile.testing.apiserver.schemavalues import validate_value
from reconcile.testing.apiserver.structural import prune

__all__ = ["validate_crd"]

SchemaNode = Mapping[str, Any]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COMPOSITIONS = ("anyOf", "allOf", "oneOf")
_FORBIDDEN_INSIDE = ("description", "type", "default", "additionalProperties", "nullable", "title")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def validate_crd(crd: Mapping[str, Any]) -> list[Cause]:
    """Every cause to refuse a CustomResourceDefinition, as apiextensions-apiserver words them."""
    spec: Mapping[str, Any] = crd.get("spec") or {}
    name = (crd.get("metadata") or {}).get("name", "")
    names: Mapping[str, Any] = spec.get("names") or {}
    causes: list[Cause] = []
    if name != f"{names.get('plural', '')}.{spec.get('group', '')}":
        causes += [invalid("metadata.name", name, text) for text in dns_subdomain(name)]
        causes.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    causes += _group(spec) + _versions(spec) + _names(names) + _conversion(spec)
    return causes


def _group(spec: Mapping[str, Any]) -> list[Cause]:
    group = spec.get("group", "")
    causes: list[Cause] = []
    if not group:
        causes.append(required("spec.group"))
    elif dns_subdomain(group):
        causes.append(invalid("spec.group", group, ",".join(dns_subdomain(group))))
    elif "." not in group:
        causes.append(invalid("spec.group", group, "should be a domain with at least one dot"))
    if not spec.get("scope"):
        causes.append(required("spec.scope"))
    elif spec["scope"] not in ("Cluster", "Namespaced"):
        causes.append(not_supported("spec.scope", spec["scope"], ("Cluster", "Namespaced")))
    return causes


def _names(names: Mapping[str, Any]) -> list[Cause]:
    kind = names.get("kind", "")
    full = {
        "singular": kind.lower(),
        "listKind": f"{kind}List" if kind else "",
        **{k: v for k, v in names.items() if v},
    }
    causes = [required(f"spec.names.{key}") for key in ("plural", "singular", "kind", "listKind") if not full.get(key)]
    for key in ("plural", "singular"):
        problems = dns_label_1035(full[key]) if full.get(key) else []
        causes += [invalid(f"spec.names.{key}", full[key], ",".join(problems))] if problems else []
    for key in ("kind", "listKind"):
        problems = dns_label_1035(full[key].lower()) if full.get(key) else []
        if problems:
            text = "may have mixed case, but should otherwise match: " + ",".join(problems)
            causes.append(invalid(f"spec.names.{key}", full[key], text))
    for key in ("shortNames", "categories"):
        for index, entry in enumerate(names.get(key) or ()):
            problems = dns_label_1035(entry)
            causes += [invalid(f"spec.names.{key}[{index}]", entry, ",".join(problems))] if problems else []
    if full.get("kind") and full["kind"] == full.get("listKind"):
        causes.append(invalid("spec.names.listKind", full["listKind"], "kind and listKind may not be the same"))
    return causes


def _conversion(spec: Mapping[str, Any]) -> list[Cause]:
    conversion = spec.get("conversion") or {}
    strategy = conversion.get("strategy", "None")
    if strategy == "Webhook":
        webhook = conversion.get("webhook") or {}
        causes = []
        if not webhook.get("clientConfig"):
            text = "required when strategy is set to Webhook"
            causes.append(required("spec.conversion.webhookClientConfig", text))
        if not webhook.get("conversionReviewVersions"):
            causes.append(required("spec.conversion.conversionReviewVersions"))
        return causes
    return [] if strategy == "None" else [not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))]


def _versions(spec: Mapping[str, Any]) -> list[Cause]:
    versions: list[Mapping[str, Any]] = spec.get("versions") or []
    names = [version.get("name", "") for version in versions]
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    shared = bool(schemas) and all(schema == schemas[0] for schema in schemas)
    causes: list[Cause] = []
    for index, version in enumerate(versions):
        where = f"spec.versions[{index}]"
        problems = dns_label_1035(names[index])
        causes += [invalid(f"{where}.name", names[index], ",".join(problems))] if problems else []
        schema = schemas[index]
        if schema is None:
            causes.append(required(f"{where}.schema.openAPIV3Schema"))
        elif not shared or index == 0:
            path = "spec.validation.openAPIV3Schema" if shared else f"{where}.schema.openAPIV3Schema"
            causes += _root_schema(schema, path)
        causes += _columns(version, "spec" if len(versions) == 1 else where)
        causes += _selectable(version, schemas[index], "spec" if len(versions) == 1 else where)
    if len(set(names)) != len(names):
        causes.append(invalid("spec.versions", names, "must contain unique version names"))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        causes.append(invalid("spec.versions", names, "must have exactly one version marked as storage version"))
    return causes


def _columns(version: Mapping[str, Any], where: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        path = f"{where}.additionalPrinterColumns[{index}]"
        if not column.get("name"):
            causes.append(required(f"{path}.name"))
        if not column.get("type"):
            causes.append(required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}"))
        elif column["type"] not in _COLUMN_TYPES:
            causes.append(invalid(f"{path}.type", column["type"], f"must be one of {','.join(_COLUMN_TYPES)}"))
        json_path = column.get("jsonPath", "")
        if not json_path:
            causes.append(required(f"{path}.JSONPath"))
        elif not json_path.startswith("."):
            causes.append(invalid(f"{path}.JSONPath", json_path, "must be a simple json path starting with ."))
    return causes


def _selectable(version: Mapping[str, Any], schema: SchemaNode | None, where: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, entry in enumerate(version.get("selectableFields") or ()):
        node: SchemaNode | None = schema
        for part in entry.get("jsonPath", "").lstrip(".").split("."):
            node = (node.get("properties") or {}).get(part) if node is not None else None
        path = f"{where}.selectableFields[{index}].jsonPath"
        if node is None:
            text = "is an invalid path: does not refer to a valid field"
            causes.append(invalid(path, entry.get("jsonPath", ""), text))
        elif node.get("type") not in ("string", "boolean", "integer"):
            text = f"must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed. found {node.get('type')}"
            causes.append(invalid(path, entry.get("jsonPath", ""), text))
    return causes


def _root_schema(schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not schema.get("type"):
        causes.append(required(f"{path}.type", "must not be empty at the root"))
    elif schema["type"] != "object":
        return [invalid(f"{path}.type", schema["type"], "must be object at the root")]
    if schema.get("additionalProperties") is not None:
        causes.append(forbidden(f"{path}.additionalProperties", "must not be used at the root"))
    return causes + _node(schema, path, RuleSet(schema), root=True)


def _node(schema: SchemaNode, path: str, rules: RuleSet, *, root: bool = False) -> list[Cause]:
    causes = _type(schema, path, root) + _extensions(schema, path) + _rules(schema, path, rules, root)
    causes += _nested(schema, schema, path)
    if schema.get("default") is not None:
        causes += _default(schema, path)
    for key, child in (schema.get("properties") or {}).items():
        if root and key in ("metadata", "apiVersion", "kind"):
            continue
        below = f"{path}.properties[{key}]"
        missing = "must not be empty for specified object fields"
        causes += _missing_type(child, below, missing) + _node(child, below, rules)
    items = schema.get("items")
    if isinstance(items, Mapping):
        below = f"{path}.items"
        missing = "must not be empty for specified array items"
        causes += _missing_type(items, below, missing) + _node(items, below, rules)
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        below = f"{path}.additionalProperties"
        missing = "must not be empty for specified object fields"
        causes += _missing_type(additional, below, missing) + _node(additional, below, rules)
    return causes


def _missing_type(schema: SchemaNode, path: str, text: str) -> list[Cause]:
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    return [] if schema.get("type") or free else [required(f"{path}.type", text)]


def _type(schema: SchemaNode, path: str, root: bool) -> list[Cause]:
    causes: list[Cause] = []
    kind = schema.get("type")
    if kind and kind not in _TYPES:
        causes.append(not_supported(f"{path}.type", kind, _TYPES))
    if kind == "array" and not isinstance(schema.get("items"), Mapping):
        causes.append(required(f"{path}.items", "must be specified"))
    if schema.get("properties") and schema.get("additionalProperties") not in (None, False) and not root:
        text = "additionalProperties and properties are mutual exclusive"
        causes.append(forbidden(f"{path}.additionalProperties", text))
    if schema.get("uniqueItems"):
        text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        causes.append(forbidden(f"{path}.uniqueItems", text))
    if schema.get("pattern"):
        try:
            re2.compile(schema["pattern"])
        except re2.error as err:
            text = f"must be a valid regular expression, but isn't: error parsing regexp: {_re2_text(err)}"
            causes.append(invalid(f"{path}.pattern", schema["pattern"], text))
    return causes


def _re2_text(err: Exception) -> str:
    detail = err.args[0] if err.args else ""
    text = detail.decode() if isinstance(detail, bytes) else str(detail)
    text = text.replace("missing ):", "missing closing ):", 1)
    name, separator, fragment = text.partition(": ")
    return f"{name}: `{fragment}`" if separator else text


def _extensions(schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if schema.get("x-kubernetes-embedded-resource") and schema.get("type") != "object":
        text = "must be object if x-kubernetes-embedded-resource is true"
        causes.append(invalid(f"{path}.type", schema.get("type", ""), text))
    kind = schema.get("x-kubernetes-list-type")
    if kind is not None and kind not in ("atomic", "set", "map"):
        causes.append(not_supported(f"{path}.x-kubernetes-list-type", kind, ("atomic", "set", "map")))
    if kind is not None and schema.get("type") != "array":
        text = "must be array if x-kubernetes-list-type is specified"
        causes.append(invalid(f"{path}.type", schema.get("type", ""), text))
    map_type = schema.get("x-kubernetes-map-type")
    if map_type is not None and map_type not in ("granular", "atomic"):
        causes.append(not_supported(f"{path}.x-kubernetes-map-type", map_type, ("granular", "atomic")))
    return causes + (_map_list(schema, path) if kind == "map" else [])


def _map_list(schema: SchemaNode, path: str) -> list[Cause]:
    keys = schema.get("x-kubernetes-list-map-keys") or []
    items = schema.get("items") or {}
    causes: list[Cause] = []
    if not keys:
        text = "must not be empty if x-kubernetes-list-type is map"
        causes.append(required(f"{path}.x-kubernetes-list-map-keys", text))
    if items.get("type") != "object":
        text = "must be object if parent array's x-kubernetes-list-type is map"
        return [*causes, invalid(f"{path}.items.type", items.get("type", ""), text)]
    for key in keys:
        field = (items.get("properties") or {}).get(key)
        if field is None:
            text = "entries must all be names of item properties"
            causes.append(invalid(f"{path}.x-kubernetes-list-map-keys", keys, text))
        elif key not in (items.get("required") or ()) and field.get("default") is None:
            text = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            causes.append(required(f"{path}.items.properties[{key}].default", text))
    return causes


def _nested(schema: SchemaNode, owner: SchemaNode, path: str) -> list[Cause]:
    """Schemas under anyOf, allOf, oneOf and not may only restrict values."""
    causes: list[Cause] = []
    branches = [(f"{path}.{key}[{i}]", b) for key in _COMPOSITIONS for i, b in enumerate(schema.get(key) or ())]
    branches += [(f"{path}.not", schema["not"])] if isinstance(schema.get("not"), Mapping) else []
    if owner.get("x-kubernetes-int-or-string") and schema.get("anyOf") == _INT_OR_STRING:
        branches = [branch for branch in branches if ".anyOf[" not in branch[0][len(path) :]]
    for where, branch in branches:
        causes += _value_only(branch, where)
    return causes


def _value_only(schema: SchemaNode, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for key in _FORBIDDEN_INSIDE:
        if schema.get(key) not in (None, "", False):
            word = "undefined" if key in ("default", "additionalProperties") else "empty"
            text = f"must be {'false' if key == 'nullable' else word} to be structural"
            causes.append(forbidden(f"{path}.{key}", text))
    for key, child in (schema.get("properties") or {}).items():
        causes += _value_only(child, f"{path}.properties[{key}]")
    if isinstance(schema.get("items"), Mapping):
        causes += _value_only(schema["items"], f"{path}.items")
    return causes + _nested(schema, schema, path)


def _default(schema: SchemaNode, path: str) -> list[Cause]:
    value = copy.deepcopy(schema["default"])
    if prune(value, schema):
        return [invalid(f"{path}.default", schema["default"], "must not have unknown fields")]
    causes = validate_value(value, schema, "")
    return [{**cause, "field": f"{path}.default{'.' + cause['field'] if cause['field'] else ''}"} for cause in causes]


def _rules(schema: SchemaNode, path: str, rules: RuleSet, root: bool) -> list[Cause]:
    specs = schema.get("x-kubernetes-validations") or []
    causes: list[Cause] = []
    for index, spec in enumerate(specs):
        where = f"{path}.x-kubernetes-validations[{index}]"
        if not str(spec.get("rule") or "").strip():
            return [*causes, required(f"{where}.rule", "rule is not specified")]
    for index, rule in enumerate(rules.rules(schema) if specs else ()):
        where = f"{path}.x-kubernetes-validations[{index}]"
        problem = str(rule) if isinstance(rule, CompileError) else _undefined_field(rule, schema, root)
        if problem:
            causes.append(_rule_cause(f"{where}.rule", specs[index], problem))
        elif isinstance(rule, Rule) and rule.spec.get("optionalOldSelf") and not rule.uses_old_self:
            text = "may not be set if oldSelf is not used in rule"
            causes.append(invalid(f"{where}.optionalOldSelf", rule.spec["optionalOldSelf"], text))
    return causes


def _undefined_field(rule: Rule, schema: SchemaNode, root: bool) -> str:
    if schema.get("type") != "object" or not schema.get("properties"):
        return ""
    known = {escape(key) for key in schema["properties"]}
    if root or schema.get("x-kubernetes-embedded-resource"):
        known |= {"apiVersion", "kind", "metadata"}
    missing = sorted(rule.expression.self_fields() - known)
    if not missing:
        return ""
    source = str(rule.spec["rule"])
    match = re.search(rf"self\.{missing[0]}\b", source)
    column = match.start() + 4 if match else 0
    pointer = "." * column + "^"
    return (
        f"compilation failed: ERROR: <input>:1:{column + 1}: undefined field '{missing[0]}'\n | {source}\n | {pointer}"
    )


def _rule_cause(field: str, spec: Mapping[str, Any], problem: str) -> Cause:
    """The rule is printed as the Go struct it is there."""
    fields = ("rule", "message", "messageExpression", "reason", "fieldPath", "optionalOldSelf")
    empty: dict[str, Any] = {"rule": "", "message": "", "messageExpression": "", "fieldPath": ""}
    printed = json.dumps(
        {key[0].upper() + key[1:]: spec.get(key, empty.get(key)) for key in fields}, separators=(",", ":")
    )
    return {"reason": "FieldValueInvalid", "message": f"Invalid value: {printed}: {problem}", "field": field}
