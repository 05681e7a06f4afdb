from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconcile.testing.apiserver.causes import go_value, invalid_message, required, too_many
from reconcile.testing.apiserver.cel import CompileError, RuleSet, escape
from reconcile.testing.apiserver.formats import FORMATS, go_duration_seconds
from reconcile.testing.apiserver.validation import Schema, builtin, validate_crd

CRD_FILES = (Path(__file__).parents[5] / "config" / "crd" / "bases").glob("*.yaml")


def _schema(**spec: Any) -> Schema:
    return Schema({"type": "object", "properties": {"spec": {"type": "object", **spec}}})


def _obj(spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n", **metadata}, "spec": spec or {}}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", ["2024-02-29"], ["2023-02-29", "2024-2-9"]),
        ("date-time", ["2024-01-01T00:00:00Z", "2024-01-01t00:00:00.5+01:00"], ["2024-01-01", "2024-01-01T24:00:00Z"]),
        ("duration", ["1h", "1.5s", "2 days"], ["x", ""]),
        ("byte", ["YQ=="], ["*", ""]),
        ("ipv4", ["10.0.0.1"], ["10.0.0", "::1"]),
        ("ipv6", ["::1"], ["10.0.0.1"]),
        ("cidr", ["10.0.0.0/8"], ["10.0.0.1", "10.0.0.0/99"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123"]),
        ("uuid4", ["123e4567-e89b-42d3-a456-426614174000"], ["123e4567-e89b-12d3-a456-426614174000"]),
        ("hostname", ["a.example.com"], ["a..b", "-a"]),
        ("email", ["a@b"], ["a"]),
        ("mac", ["00:11:22:33:44:55"], ["00:11"]),
        ("uri", ["https://x/y"], ["x y"]),
        ("k8s-short-name", ["abc"], ["A", "a.b"]),
        ("k8s-long-name", ["a.b"], ["a..b"]),
    ],
)
def test_formats(name: str, good: list[str], bad: list[str]) -> None:
    assert [FORMATS[name](text) for text in good] == [True] * len(good)
    assert [FORMATS[name](text) for text in bad] == [False] * len(bad)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h30m", 5400.0), ("-1.5s", -1.5), ("0", 0.0), ("10ms", 0.01), ("1us", 1e-6)]
)
def test_go_durations(text: str, seconds: float) -> None:
    assert go_duration_seconds(text) == pytest.approx(seconds)


def test_go_duration_refuses_other_units() -> None:
    with pytest.raises(ValueError, match="no duration"):
        go_duration_seconds("1d")


@pytest.mark.parametrize(
    ("rule", "spec", "passes"),
    [
        ("self.a.startsWith('x')", {"a": "xy"}, True),
        ("self.a.matches('^[0-9]+$')", {"a": "12"}, True),
        ("self.a.split(',').size() == 2", {"a": "1,2"}, True),
        ("self.a.lowerAscii() == 'ab'", {"a": "AB"}, True),
        ("self.a.substring(1, 2) == 'b'", {"a": "abc"}, True),
        ("self.a.replace('a', 'b') == 'bb'", {"a": "ab"}, True),
        ("self.a.trim() == 'x'", {"a": " x "}, True),
        ("self.a.find('[0-9]+') == '12'", {"a": "a12b3"}, True),
        ("self.a.findAll('[0-9]').size() == 3", {"a": "a12b3"}, True),
        ("self.a.indexOf('c') == 2", {"a": "abc"}, True),
        ("isURL(self.a)", {"a": "https://x"}, True),
        ("isURL(self.a)", {"a": "x y"}, False),
        ("self.l.isSorted()", {"l": [1, 2, 2]}, True),
        ("self.l.isSorted()", {"l": [2, 1]}, False),
        ("self.l.sum() == 6", {"l": [1, 2, 3]}, True),
        ("self.l.max() == 3 && self.l.min() == 1", {"l": [1, 3, 2]}, True),
        ("self.l.map(x, string(x)).join('-') == '1-2'", {"l": [1, 2]}, True),
        ("self.l.exists_one(x, x == 1)", {"l": [1, 1]}, False),
        ("self.d > duration('1m')", {"d": "2m"}, True),
        ("self.t < timestamp('2030-01-01T00:00:00Z')", {"t": "2024-01-01T00:00:00Z"}, True),
        ("size(self.b) == 1", {"b": "YQ=="}, True),
        ("self.x__dash__y == 'a' && self.__namespace__ == 'b'", {"x-y": "a", "namespace": "b"}, True),
        ("has(self.a) ? self.a == 'x' : true", {}, True),
    ],
)
def test_rules(rule: str, spec: dict[str, Any], passes: bool) -> None:
    properties = {
        "a": {"type": "string"},
        "l": {"type": "array", "items": {"type": "integer"}},
        "d": {"type": "string", "format": "duration"},
        "t": {"type": "string", "format": "date-time"},
        "b": {"type": "string", "format": "byte"},
        "x-y": {"type": "string"},
        "namespace": {"type": "string"},
    }
    schema = _schema(properties=properties, **{"x-kubernetes-validations": [{"rule": rule}]})
    causes = schema.validate(_obj(spec))
    assert causes == [] if passes else [c["field"] for c in causes] == ["spec"], causes


def test_transition_rules_follow_map_list_items() -> None:
    item = {
        "type": "object",
        "properties": {"n": {"type": "string"}, "v": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "shrinks"}],
    }
    items = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}
    schema = _schema(properties={"l": items})
    old = _obj({"l": [{"n": "a", "v": 5}, {"n": "b", "v": 1}]}, resourceVersion="1")
    new = _obj({"l": [{"n": "b", "v": 2}, {"n": "a", "v": 4}, {"n": "c", "v": 0}]}, resourceVersion="1")
    assert [(c["field"], c["message"]) for c in schema.validate(new, old)] == [("spec.l[1]", "Invalid value: shrinks")]


def test_what_was_stored_before_is_not_held_against_an_update() -> None:
    schema = _schema(properties={"a": {"type": "string", "pattern": "^x"}, "b": {"type": "string"}})
    old = _obj({"a": "legacy"}, resourceVersion="1")
    assert schema.validate(_obj({"a": "legacy", "b": "new"}, resourceVersion="1"), old) == []
    assert schema.validate(_obj({"a": "other"}, resourceVersion="1"), old) != []


def test_defaulting_and_pruning_do_not_touch_the_schema() -> None:
    node = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "default": {"l": []},
                "properties": {"l": {"type": "array", "items": {"type": "string"}}},
            }
        },
    }
    kept = copy.deepcopy(node)
    schema = Schema(node)
    first = schema.default({"metadata": {"name": "n"}})
    first["spec"]["l"].append("x")
    assert schema.default({"metadata": {"name": "n"}})["spec"] == {"l": []}
    assert node == kept


def test_unknown_fields_are_reported_with_their_paths() -> None:
    schema = _schema(
        properties={"l": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    )
    obj = _obj({"l": [{"a": "1", "b": 2}], "c": 1})
    assert schema.unknown_fields(obj) == ["spec.c", "spec.l[0].b"]
    assert obj["spec"] == {"l": [{"a": "1"}]}


def test_rule_that_does_not_parse() -> None:
    node = {"type": "object", "x-kubernetes-validations": [{"rule": "self +"}]}
    (found,) = RuleSet(node).rules(node)
    assert isinstance(found, CompileError)


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("a-b", "a__dash__b"), ("a.b/c", "a__dot__b__slash__c"), ("in", "__in__"), ("a__b", "a__underscores__b")],
)
def test_escaped_property_names(name: str, escaped: str) -> None:
    assert escape(name) == escaped


def test_message_of_one_and_of_several_causes() -> None:
    assert invalid_message("K", "g", "n", [required("spec.a")]) == 'K.g "n" is invalid: spec.a: Required value'
    several = [required("spec.a"), too_many("spec.b", 3, 2)]
    text = 'K "n" is invalid: [spec.a: Required value, spec.b: Too many: 3: must have at most 2 items]'
    assert invalid_message("K", "", "n", several) == text


@pytest.mark.parametrize(("value", "text"), [(3.0, "3"), ('a"b', '"a\\"b"'), ({"b": 1, "a": None}, '{"a":null,"b":1}')])
def test_values_are_printed_as_go_prints_them(value: Any, text: str) -> None:
    assert go_value(value) == text


def test_definition_without_anything() -> None:
    fields = {cause["field"] for cause in validate_crd({"metadata": {"name": "x"}, "spec": {}})}
    assert {
        "metadata.name",
        "spec.group",
        "spec.scope",
        "spec.versions",
        "spec.names.plural",
        "spec.names.kind",
    } <= fields


def test_lease_numbers() -> None:
    lease = {"metadata": {"name": "l", "namespace": "n"}, "spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}
    assert [cause["field"] for cause in builtin("Lease")(lease, None)] == [
        "spec.leaseDurationSeconds",
        "spec.leaseTransitions",
    ]


@pytest.mark.parametrize("file", sorted(CRD_FILES), ids=lambda file: file.stem)
def test_the_operators_own_definitions_are_accepted(file: Path) -> None:
    for definition in yaml.safe_load_all(file.read_text()):
        assert validate_crd(definition) == []
