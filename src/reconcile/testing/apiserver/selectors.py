"""Label and field selectors: parsing with the server's error texts, and matching."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import bad_request

__all__ = ["Matcher", "compile_selectors", "matches_label_selector", "parse_fields", "parse_labels", "path_value"]

Object = Mapping[str, Any]
Matcher = Callable[[Object], bool]
_LabelTest = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(r"\s*(!=|==|=|<|>|!|\(|\)|,|[^\s!=<>(),]+)")
_SYMBOLS = frozenset(("", "!=", "==", "=", "<", ">", "!", "(", ")", ","))


class _Tokens:
    def __init__(self, text: str) -> None:
        self._items = [match.group(1) for match in _TOKEN.finditer(text)]
        self._at = 0

    def peek(self) -> str:
        return self._items[self._at] if self._at < len(self._items) else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def expect(self, wanted: str) -> None:
        token = self.take()
        if token != wanted:
            raise bad_request(f"unable to parse requirement: found '{token}' expected: '{wanted}'")


def _values(tokens: _Tokens) -> frozenset[str]:
    tokens.expect("(")
    values: set[str] = set()
    while True:
        token = tokens.take()
        if token == ")":
            return frozenset(values or {""})
        if token == "":
            raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")
        if token != ",":
            values.add(token)


def _word(tokens: _Tokens) -> str:
    return "" if tokens.peek() in ("", ",") else tokens.take()


def _compared(key: str, text: str, *, greater: bool) -> _LabelTest:
    try:
        bound = int(text)
    except ValueError as err:
        raise bad_request(
            f"values[0][{key}]: Invalid value: {text!r}: for 'Gt', 'Lt' operators, the value must be an integer"
        ) from err

    def test(labels: Mapping[str, str]) -> bool:
        try:
            value = int(labels[key])
        except (KeyError, ValueError):
            return False
        return value > bound if greater else value < bound

    return test


def _key(tokens: _Tokens) -> str:
    key = tokens.take()
    if key in _SYMBOLS:
        raise bad_request(f"unable to parse requirement: found '{key}', expected: identifier")
    return key


def _requirement(tokens: _Tokens) -> _LabelTest:
    if tokens.peek() == "!":
        tokens.take()
        absent = _key(tokens)
        return lambda labels: absent not in labels
    key = _key(tokens)
    operator = tokens.peek()
    if operator in ("", ","):
        return lambda labels: key in labels
    tokens.take()
    if operator in ("=", "=="):
        value = _word(tokens)
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        other = _word(tokens)
        return lambda labels: labels.get(key) != other
    if operator == "in":
        among = _values(tokens)
        return lambda labels: labels.get(key) in among
    if operator == "notin":
        outside = _values(tokens)
        return lambda labels: labels.get(key) not in outside
    if operator in ("<", ">"):
        return _compared(key, _word(tokens), greater=operator == ">")
    raise bad_request(f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def parse_labels(text: str) -> _LabelTest:
    """A test on labels from a selector such as `a=b,c in (d,e),!f`.

    Raises:
        StatusError: 400, when the text is not a selector.
    """
    if not text.strip():
        return lambda labels: True
    tokens = _Tokens(text)
    tests: list[_LabelTest] = []
    while True:
        tests.append(_requirement(tokens))
        token = tokens.take()
        if token == "":
            break
        if token != ",":
            raise bad_request(f"unable to parse requirement: found '{token}', expected: ',' or 'end of string'")
    return lambda labels: all(test(labels) for test in tests)


def _split_terms(text: str) -> list[tuple[str, str, str]]:
    terms: list[tuple[str, str, str]] = []
    for term in re.split(r"(?<!\\),", text):
        if not term:
            continue
        match = re.match(r"^(.*?)(!=|==|=)(.*)$", term)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        key, operator, value = match.groups()
        terms.append((key, operator, re.sub(r"\\([\\,=])", r"\1", value)))
    return terms


def path_value(obj: Any, path: str) -> Any:
    """The value under a dotted path, None where the path leads nowhere."""
    for step in path.split("."):
        if not isinstance(obj, Mapping):
            return None
        obj = obj.get(step)
    return obj


def _field_text(obj: Object, path: str) -> str:
    if path == "source":
        value = path_value(obj, "source.component") or path_value(obj, "reportingComponent")
    elif path == "name":
        value = path_value(obj, "metadata.name")
    else:
        value = path_value(obj, path)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def parse_fields(text: str, info: ResourceInfo) -> Matcher | None:
    """A test on objects from a field selector; None when the selector is empty.

    Raises:
        StatusError: 400, for a field the kind does not select by.
    """
    terms = _split_terms(text)
    if not terms:
        return None
    known = {"metadata.name", *info.field_paths}
    if info.namespaced:
        known.add("metadata.namespace")
    for path, _, _ in terms:
        if path not in known:
            raise bad_request(f"field label not supported: {path}")

    def match(obj: Object) -> bool:
        return all((_field_text(obj, path) == value) == (operator != "!=") for path, operator, value in terms)

    return match


def compile_selectors(labels: str, fields: str, info: ResourceInfo) -> Matcher | None:
    """One test for both selectors; None when neither restricts anything."""
    by_field = parse_fields(fields, info)
    if not labels.strip():
        return by_field
    by_label = parse_labels(labels)

    def match(obj: Object) -> bool:
        return by_label(obj["metadata"].get("labels") or {}) and (by_field is None or by_field(obj))

    return match


def matches_label_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a `metav1.LabelSelector`; an absent or empty one matches everything."""
    if not selector:
        return True
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for term in selector.get("matchExpressions") or []:
        key, values = term["key"], term.get("values") or []
        held = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not held.get(term["operator"], False):
            return False
    return True
