"""`x-kubernetes-validations`: CEL rules compiled once per schema and evaluated on objects.

Compilation does not check types as the Go implementation does; what it would refuse at creation of a
CustomResourceDefinition beyond syntax and unknown fields of `self` is reported when the rule is evaluated.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import celpy
from celpy import celtypes
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError
from lark import Token, Tree

from reconcile.testing.apiserver.causes import NO_FIELD, Cause, duplicate, forbidden, go_value, invalid, required
from reconcile.testing.apiserver.celfunctions import FUNCTIONS, OptionalValue
from reconcile.testing.apiserver.structural import child_schema, items_schema

__all__ = ["CompileError", "Rule", "RuleSet", "to_cel"]

SchemaNode = Mapping[str, Any]

_KEYWORDS = frozenset(
    [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_SPECIAL = re.compile(r"__|\.|-|/")


class CompileError(ValueError):
    """A rule that is no CEL expression."""


def escape(name: str) -> str:
    """The identifier under which CEL sees a property."""
    if name in _KEYWORDS:
        return f"__{name}__"
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], name)


def to_cel(value: Any, schema: SchemaNode | None) -> Any:
    """A JSON value as cel-python represents it, with the type that the schema gives it."""
    if isinstance(value, dict):
        named = (schema or {}).get("properties") or {}
        pairs = {escape(k) if k in named else k: to_cel(v, child_schema(schema, k)) for k, v in value.items()}
        return celtypes.MapType({celtypes.StringType(key): item for key, item in pairs.items()})
    if isinstance(value, list):
        return celtypes.ListType([to_cel(item, items_schema(schema)) for item in value])
    if isinstance(value, str):
        return _string_to_cel(value, (schema or {}).get("format"))
    if value is None or isinstance(value, bool):
        return None if value is None else celtypes.BoolType(value)
    if isinstance(value, float) or (schema or {}).get("type") == "number":
        return celtypes.DoubleType(value)
    return celtypes.IntType(value)


def _string_to_cel(value: str, kind: str | None) -> Any:
    if kind in ("date-time", "date"):
        return celtypes.TimestampType(value if kind == "date-time" else f"{value}T00:00:00Z")
    if kind == "duration":
        return celtypes.DurationType(value)
    if kind == "byte":
        return celtypes.BytesType(base64.b64decode(value))
    return celtypes.StringType(value)


class _Expression:
    """A compiled CEL expression."""

    def __init__(self, environment: celpy.Environment, source: str) -> None:
        try:
            self.tree = environment.compile(source)
        except CELParseError as err:
            line, column = getattr(err, "line", None) or 1, getattr(err, "column", None) or 1
            raise CompileError(f"compilation failed: ERROR: <input>:{line}:{column}: Syntax error") from err
        self._program = environment.program(self.tree, functions=dict(FUNCTIONS))

    def identifiers(self) -> set[str]:
        """Every plain identifier of the expression."""
        return {str(token) for token in self.tree.scan_values(lambda t: isinstance(t, Token) and t.type == "IDENT")}

    def self_fields(self) -> set[str]:
        """Names that the expression selects directly from `self`."""
        names: set[str] = set()
        for node in self.tree.find_data("member_dot"):
            target, name = node.children
            idents = list(target.scan_values(lambda t: isinstance(t, Token))) if isinstance(target, Tree) else []
            if [str(token) for token in idents] == ["self"]:
                names.add(str(name))
        return names

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        return self._program.evaluate(dict(variables))


@dataclass(frozen=True)
class Rule:
    """One entry of `x-kubernetes-validations`."""

    spec: Mapping[str, Any]
    expression: _Expression
    message: _Expression | None

    @cached_property
    def uses_old_self(self) -> bool:
        """Whether this is a transition rule."""
        return "oldSelf" in self.expression.identifiers()

    @property
    def text(self) -> str:
        """How errors name the rule."""
        return str(self.spec.get("message") or self.spec["rule"]).strip()

    def describe(self, variables: Mapping[str, Any]) -> str:
        """The detail of a violation."""
        if self.message is not None:
            try:
                found = str(self.message.evaluate(variables)).strip()
            except (CELEvalError, TypeError, ValueError, KeyError):
                found = ""
            if found and "\n" not in found:
                return found
        return self.text if self.spec.get("message") else f"failed rule: {self.text}"


def compile_rule(environment: celpy.Environment, spec: Mapping[str, Any]) -> Rule:
    """The compiled form of one rule.

    Raises:
        CompileError: the rule or its messageExpression does not parse.
    """
    message = spec.get("messageExpression")
    return Rule(spec, _Expression(environment, spec["rule"]), _Expression(environment, message) if message else None)


class RuleSet:
    """All rules below one schema, compiled on first use."""

    def __init__(self, schema: SchemaNode) -> None:
        self._schema = schema
        self._environment: celpy.Environment | None = None
        self._compiled: dict[int, list[Rule | CompileError]] = {}
        self._present: dict[int, bool] = {}
        self.present = self._has_rules(schema)

    def _has_rules(self, schema: SchemaNode | None) -> bool:
        if schema is None:
            return False
        known = self._present.get(id(schema))
        if known is None:
            children = [*(schema.get("properties") or {}).values(), items_schema(schema)]
            additional = schema.get("additionalProperties")
            children += [additional] if isinstance(additional, Mapping) else []
            below = [self._has_rules(child) for child in children]
            known = self._present[id(schema)] = bool(schema.get("x-kubernetes-validations")) or any(below)
        return known

    def rules(self, schema: SchemaNode) -> Sequence[Rule | CompileError]:
        """The compiled rules of one node, with the error in place of a rule that does not compile."""
        known = self._compiled.get(id(schema))
        if known is None:
            self._environment = self._environment or celpy.Environment()
            known = self._compiled[id(schema)] = []
            for spec in schema.get("x-kubernetes-validations") or ():
                try:
                    known.append(compile_rule(self._environment, spec))
                except CompileError as err:
                    known.append(err)
        return known

    def validate(self, obj: Any, old: Any = None) -> list[Cause]:
        """Violations in `obj`; `old` is the stored object for transition rules, None at creation."""
        if not self.present:
            return []
        return self._node(obj, old, self._schema, "")

    def _node(self, value: Any, old: Any, schema: SchemaNode | None, path: str) -> list[Cause]:
        if value is None or schema is None or not self._present.get(id(schema), True):
            return []
        causes: list[Cause] = []
        if schema.get("x-kubernetes-validations"):
            causes += self._evaluate(value, old, schema, path)
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for key, item in value.items():
                child = child_schema(schema, key)
                if child is not None and self._has_rules(child):
                    causes += self._node(item, before.get(key), child, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and self._has_rules(items_schema(schema)):
            before_items = _correlated(value, old, schema)
            for index, item in enumerate(value):
                causes += self._node(item, before_items[index], items_schema(schema), f"{path}[{index}]")
        return causes

    def _evaluate(self, value: Any, old: Any, schema: SchemaNode, path: str) -> list[Cause]:
        causes: list[Cause] = []
        visible = _root_view(value) if not path or schema.get("x-kubernetes-embedded-resource") else value
        previous = _root_view(old) if not path and isinstance(old, dict) else old
        current = to_cel(visible, schema)
        before = to_cel(previous, schema) if old is not None else None
        for rule in self.rules(schema):
            if isinstance(rule, CompileError):
                causes.append(invalid(path or NO_FIELD, schema.get("type", ""), f"rule compile error: {rule}"))
                continue
            optional = bool(rule.spec.get("optionalOldSelf"))
            if rule.uses_old_self and old is None and not optional:
                continue
            bound = OptionalValue(before, present=old is not None) if optional else before
            causes += _run(rule, {"self": current, "oldSelf": bound}, value, schema, path or NO_FIELD)
        return causes


def _root_view(value: dict[str, Any]) -> dict[str, Any]:
    """What rules at the root of an object see of its metadata: the names."""
    metadata = {k: v for k, v in (value.get("metadata") or {}).items() if k in ("name", "generateName")}
    return {**value, "metadata": metadata}


def _correlated(items: Sequence[Any], old: Any, schema: SchemaNode) -> list[Any]:
    """The old element of each element: by key in lists of type map, none in other lists."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list):
        return [None] * len(items)
    names = schema.get("x-kubernetes-list-map-keys", ())

    def key(item: Any) -> str:
        return go_value([item.get(name) for name in names] if isinstance(item, dict) else item)

    before = {key(item): item for item in old}
    return [before.get(key(item)) for item in items]


def _run(rule: Rule, variables: Mapping[str, Any], value: Any, schema: SchemaNode, path: str) -> list[Cause]:
    kind = schema.get("type", "")
    try:
        passed = rule.expression.evaluate(variables)
    except (CELEvalError, TypeError, ValueError, KeyError) as err:
        return [invalid(path, kind, f"{_evaluation_problem(err)} evaluating rule: {rule.text}")]
    if bool(passed):
        return []
    field = rule.spec.get("fieldPath", "")
    where = f"{path}{field}" if path != NO_FIELD else field.lstrip(".") or NO_FIELD
    detail = rule.describe(variables)
    return [_violation(rule.spec.get("reason"), where, None if kind in ("object", "array") else value, detail)]


def _violation(reason: str | None, field: str, value: Any, detail: str) -> Cause:
    if reason == "FieldValueForbidden":
        return forbidden(field, detail)
    if reason == "FieldValueRequired":
        return required(field, detail)
    if reason == "FieldValueDuplicate":
        return duplicate(field, value)
    if value is None:
        return {"reason": "FieldValueInvalid", "message": f"Invalid value: {detail}", "field": field}
    return invalid(field, value, detail)


def _evaluation_problem(err: Exception) -> str:
    text = str(err.args[0]) if err.args else str(err)
    missing = re.search(r"no such member in mapping: '([^']*)'", text)
    if missing:
        return f"no such key: {missing[1]}"
    return "division by zero" if "divide by zero" in text else text
