"""Label and field selectors: parse, write, match."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconcile.api.meta_v1 import LabelSelector

__all__ = ["FieldSelector", "Requirement", "Selector", "parse_field_selector", "parse_selector", "selector_of"]

# Source: k8s.io/apimachinery/pkg/labels: a qualified name, and a value.
_NAME = r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_SET = re.compile(rf"({_NAME})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY = re.compile(rf"({_NAME})\s*(==|=|!=)\s*({_VALUE})")
_ORDER = re.compile(rf"({_NAME})\s*([<>])\s*(-?\d+)")
_EXISTS = re.compile(rf"(!?)\s*({_NAME})")
_NAME_ONLY = re.compile(_NAME)
_VALUE_ONLY = re.compile(_VALUE)
_OBJECT_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label.

    Attributes:
        key: the label.
        operator: `in`, `notin`, `exists`, `!`, `>` or `<`.
        values: what it is compared with; empty for `exists` and `!`.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy it; `notin` is satisfied by an absent label, as at the API server."""
        present = self.key in labels
        match self.operator:
            case "in":
                return present and labels[self.key] in self.values
            case "notin":
                return not present or labels[self.key] not in self.values
            case "exists":
                return present
            case "!":
                return not present
        return present and _compare(labels[self.key], self.operator, self.values[0])

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case "notin" if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
        return f"{self.key}{self.operator}{self.values[0]}"


def _compare(label: str, operator: str, bound: str) -> bool:
    try:
        number = int(label)
    except ValueError:
        return False
    return number > int(bound) if operator == ">" else number < int(bound)


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that must all hold; none matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    def __str__(self) -> str:
        """The form that `labelSelector` parameters take; parses back to the same selector."""
        return ",".join(str(requirement) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)


def parse_selector(text: str) -> Selector:
    """A selector from its string form, for example `app=web,tier in (a,b),!legacy`.

    Raises:
        ValueError: the text is not a label selector; the message shows the offending part.
    """
    requirements: list[Requirement] = []
    for part in _split(text):
        requirements.append(_requirement(part.strip(), text))
    return Selector(tuple(requirements))


def _split(text: str) -> list[str]:
    # Commas inside parentheses separate values, all others separate requirements.
    return re.split(r",(?![^()]*\))", text) if text.strip() else []


def _requirement(part: str, text: str) -> Requirement:
    if found := _SET.fullmatch(part):
        values = tuple(value.strip() for value in found[3].split(","))
        if all(_VALUE_ONLY.fullmatch(value) for value in values):
            return Requirement(found[1], found[2], values)
    elif found := _EQUALITY.fullmatch(part):
        return Requirement(found[1], "notin" if found[2] == "!=" else "in", (found[3],))
    elif found := _ORDER.fullmatch(part):
        return Requirement(found[1], found[2], (found[3],))
    elif found := _EXISTS.fullmatch(part):
        return Requirement(found[2], "!" if found[1] else "exists")
    raise ValueError(f"{part!r} in the label selector {text!r} is not a requirement")


def selector_of(selector: LabelSelector | Mapping[str, str] | str | None) -> Selector:
    """A selector from any of its forms: the object form, a plain map of labels, a string; None matches everything.

    Raises:
        ValueError: an operator is unknown, its values do not fit it, or no label can have the key or the value.
    """
    if selector is None:
        return Selector()
    if isinstance(selector, str):
        return parse_selector(selector)
    if isinstance(selector, Mapping):
        return Selector(tuple(_checked(key, "in", (value,)) for key, value in sorted(selector.items())))
    labels = selector.match_labels or {}
    requirements = [_checked(key, "in", (value,)) for key, value in sorted(labels.items())]
    for expression in selector.match_expressions or ():
        operator = _OBJECT_OPERATORS.get(expression.operator)
        if operator is None:
            raise ValueError(f'"{expression.operator}" is not a valid label selector operator')
        values = tuple(expression.values or ())
        if bool(values) != (operator in ("in", "notin")):
            raise ValueError(f"the operator {expression.operator} of label {expression.key!r} has unfitting values")
        requirements.append(_checked(expression.key, operator, values))
    return Selector(tuple(requirements))


def _checked(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    # The API server refuses such a selector; matching nothing would hide the mistake, or, for `NotIn`, match everything.
    if not _NAME_ONLY.fullmatch(key):
        raise ValueError(f"{key!r} cannot be the key of a label")
    for value in values:
        if not _VALUE_ONLY.fullmatch(value):
            raise ValueError(f"{value!r} cannot be a value of label {key!r}")
    return Requirement(key, operator, values)


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions `path = value` or `path != value` that must all hold.

    Attributes:
        terms: path, whether it must be equal, value.
    """

    terms: tuple[tuple[str, bool, str], ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether an object with these fields is selected; an absent field counts as empty."""
        return all((fields.get(path, "") == value) == equal for path, equal, value in self.terms)

    @property
    def paths(self) -> Sequence[str]:
        """The fields it asks about."""
        return [path for path, _, _ in self.terms]

    def __str__(self) -> str:
        """The form that `fieldSelector` parameters take."""
        return ",".join(f"{path}{'=' if equal else '!='}{_escape(value)}" for path, equal, value in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)


def _escape(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)


def parse_field_selector(text: str) -> FieldSelector:
    r"""A field selector from its string form; `\,`, `\=` and `\\` stand for the character itself.

    Raises:
        ValueError: a part has no operator.
    """
    terms: list[tuple[str, bool, str]] = []
    for part in re.findall(r"(?:\\.|[^,\\])+", text):
        found = re.fullmatch(r"\s*([^=!\\\s]+)\s*(==|=|!=)((?:\\.|[^\\=])*)", part, re.DOTALL)
        if found is None:
            raise ValueError(f"{part!r} in the field selector {text!r} is not a comparison")
        terms.append((found[1], found[2] != "!=", re.sub(r"\\(.)", r"\1", found[3])))
    return FieldSelector(tuple(terms))
