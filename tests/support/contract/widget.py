"""The custom resource of the contract: one field for every feature of structural schemas."""

from __future__ import annotations

from typing import Any

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/contract.example.com/v1/namespaces/{ns}/widgets"

_AB: dict[str, Any] = {"a": {"type": "string"}, "b": {"type": "string"}}
_REQUIRE_A = {"required": ["a"]}
_REQUIRE_B = {"required": ["b"]}

SPEC_FIELDS: dict[str, Any] = {
    "req": {"type": "string"},
    "text": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
    "whole": {"type": "integer", "minimum": 1, "maximum": 5},
    "small": {"type": "integer", "format": "int32", "multipleOf": 2},
    "number": {"type": "number", "minimum": 1, "exclusiveMinimum": True},
    "flag": {"type": "boolean"},
    "choice": {"type": "string", "enum": ["A", "B"]},
    "time": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "period": {"type": "string", "format": "duration"},
    "list": {"type": "array", "maxItems": 2, "minItems": 1, "items": {"type": "string", "maxLength": 20}},
    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    "map": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "value": {"type": "integer"},
                "def": {"type": "string", "default": "d"},
            },
        },
    },
    "dict": {"type": "object", "maxProperties": 2, "minProperties": 1, "additionalProperties": {"type": "string"}},
    "atom": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": _AB},
    "either": {"x-kubernetes-int-or-string": True},
    "null": {"type": "string", "nullable": True, "default": "n"},
    "def": {"type": "string", "default": "d"},
    "nested": {
        "type": "object",
        "default": {},
        "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "integer"}},
    },
    "free": {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"known": {"type": "object", "properties": {"q": {"type": "string"}}}},
    },
    "embedded": {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "x-kubernetes-preserve-unknown-fields": True,
    },
    "oneOf": {"type": "object", "properties": _AB, "oneOf": [_REQUIRE_A, _REQUIRE_B]},
    "anyOf": {"type": "object", "properties": _AB, "anyOf": [_REQUIRE_A, _REQUIRE_B]},
    "not": {"type": "object", "properties": _AB, "not": _REQUIRE_A},
    "rules": {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "integer"},
            "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed"}]},
            "short": {"type": "string", "x-kubernetes-validations": [{"rule": "self != 'x'"}]},
            "names": {
                "type": "array",
                "maxItems": 3,
                "items": {"type": "string", "maxLength": 5},
                "x-kubernetes-validations": [
                    {"rule": "self.all(n, n.startsWith('a'))", "message": "must start with a"}
                ],
            },
        },
        "x-kubernetes-validations": [
            {"rule": "!has(self.b) || self.a > self.b"},
            {
                "rule": "!has(self.a) || self.a > 5",
                "message": "a too small",
                "reason": "FieldValueForbidden",
                "fieldPath": ".a",
            },
            {"rule": "!has(self.a) || self.a < 100", "messageExpression": "self.a > 150 ? 'too big' : 'big'"},
            {
                "rule": "!oldSelf.hasValue() || has(self.b) == has(oldSelf.value().b)",
                "optionalOldSelf": True,
                "message": "b stays",
            },
        ],
    },
}

_STATUS = {
    "type": "object",
    "properties": {
        "phase": {"type": "string"},
        "conditions": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
            },
        },
    },
}

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.contract.example.com"},
    "spec": {
        "group": "contract.example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wdg"], "categories": ["contract"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.choice"}],
                "additionalPrinterColumns": [
                    {"name": "Req", "type": "string", "jsonPath": ".spec.req"},
                    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {"type": "object", "required": ["req"], "properties": SPEC_FIELDS},
                            "status": _STATUS,
                        },
                    }
                },
            }
        ],
    },
}
