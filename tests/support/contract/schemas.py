"""Custom resources: validation, defaulting, pruning and CEL rules, with the server's texts."""

from __future__ import annotations

from typing import Any

from tests.support.contract.api import MERGE, Api, Case, widget_body
from tests.support.contract.widget import WIDGETS

_UNCHECKED = (
    "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


def _type(field: str, wanted: str, found: str) -> tuple[str, str]:
    return field, f'Invalid value: "{found}": {field} in body must be of type {wanted}: "{found}"'


_REFUSED: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("required", {}, [("spec.req", "Required value"), _UNCHECKED]),
    ("null-is-absent", {"req": None}, [("spec.req", "Required value"), _UNCHECKED]),
    ("pattern", {"text": "ABC"}, [("spec.text", "Invalid value: \"ABC\": spec.text in body should match '^[a-z]+$'")]),
    ("too-long", {"text": "abcdefgh"}, [("spec.text", "Too long: may not be more than 5 bytes"), _UNCHECKED]),
    (
        "too-short",
        {"text": "a"},
        [("spec.text", 'Invalid value: "a": spec.text in body should be at least 2 chars long')],
    ),
    (
        "minimum",
        {"whole": 0},
        [("spec.whole", "Invalid value: 0: spec.whole in body should be greater than or equal to 1")],
    ),
    (
        "maximum",
        {"whole": 9},
        [("spec.whole", "Invalid value: 9: spec.whole in body should be less than or equal to 5")],
    ),
    (
        "exclusive-minimum",
        {"number": 1},
        [("spec.number", "Invalid value: 1: spec.number in body should be greater than 1")],
    ),
    ("multiple-of", {"small": 3}, [("spec.small", "Invalid value: 3: spec.small in body should be a multiple of 2")]),
    ("string-for-integer", {"whole": "s"}, [_type("spec.whole", "integer", "string"), _UNCHECKED]),
    ("boolean-for-integer", {"whole": True}, [_type("spec.whole", "integer", "boolean"), _UNCHECKED]),
    ("integer-for-string", {"req": 1}, [_type("spec.req", "string", "integer"), _UNCHECKED]),
    ("object-for-string", {"req": {"a": 1}}, [_type("spec.req", "string", "object"), _UNCHECKED]),
    ("list-for-string", {"req": ["a"]}, [_type("spec.req", "string", "array"), _UNCHECKED]),
    ("string-for-boolean", {"flag": "yes"}, [_type("spec.flag", "boolean", "string"), _UNCHECKED]),
    ("string-for-number", {"number": "a"}, [_type("spec.number", "number", "string"), _UNCHECKED]),
    ("string-for-list", {"list": "s"}, [_type("spec.list", "array", "string"), _UNCHECKED]),
    ("string-for-object", {"dict": "s"}, [_type("spec.dict", "object", "string"), _UNCHECKED]),
    (
        "int32-range",
        {"small": 2**40},
        [("<nil>", 'Invalid value: "": Checked value must be of type integer with format int32 in spec.small')],
    ),
    ("enum", {"choice": "C"}, [("spec.choice", 'Unsupported value: "C": supported values: "A", "B"'), _UNCHECKED]),
    (
        "date-time",
        {"time": "x"},
        [("spec.time", 'Invalid value: "x": spec.time in body must be of type date-time: "x"'), _UNCHECKED],
    ),
    (
        "byte",
        {"bytes": "***"},
        [("spec.bytes", 'Invalid value: "***": spec.bytes in body must be of type byte: "***"'), _UNCHECKED],
    ),
    (
        "duration",
        {"period": "x"},
        [("spec.period", 'Invalid value: "x": spec.period in body must be of type duration: "x"'), _UNCHECKED],
    ),
    ("min-items", {"list": []}, [("spec.list", "Invalid value: 0: spec.list in body should have at least 1 items")]),
    ("max-items", {"list": ["a", "b", "c"]}, [("spec.list", "Too many: 3: must have at most 2 items"), _UNCHECKED]),
    ("item-type", {"list": [1]}, [_type("spec.list[0]", "string", "integer"), _UNCHECKED]),
    ("set-duplicate", {"set": ["a", "a"]}, [("spec.set[1]", 'Duplicate value: "a"')]),
    ("map-duplicate", {"map": [{"name": "a"}, {"name": "a"}]}, [("spec.map[1]", 'Duplicate value: {"name":"a"}')]),
    ("map-key-missing", {"map": [{"value": 1}]}, [("spec.map[0].name", "Required value"), _UNCHECKED]),
    (
        "min-properties",
        {"dict": {}},
        [("spec.dict", "Invalid value: 0: spec.dict in body should have at least 1 properties")],
    ),
    (
        "max-properties",
        {"dict": {"a": "1", "b": "1", "c": "2"}},
        [("spec.dict", "Too many: 3: must have at most 2 items"), _UNCHECKED],
    ),
    ("value-type", {"dict": {"a": 1}}, [_type("spec.dict.a", "string", "integer"), _UNCHECKED]),
    ("int-or-string", {"either": True}, [_type("spec.either", "integer,string", "boolean"), _UNCHECKED]),
    (
        "embedded-type",
        {"embedded": {"a": 1}},
        [("spec.embedded.apiVersion", "Required value"), ("spec.embedded.kind", "Required value"), _UNCHECKED],
    ),
    (
        "one-of-two",
        {"oneOf": {"a": "1", "b": "1"}},
        [
            (
                "<nil>",
                'Invalid value: "": "spec.oneOf" must validate one and only one schema (oneOf). Found 2 valid alternatives',
            )
        ],
    ),
    (
        "one-of-none",
        {"oneOf": {}},
        [
            (
                "<nil>",
                'Invalid value: "": "spec.oneOf" must validate one and only one schema (oneOf). Found none valid',
            ),
            ("spec.oneOf.a", "Required value"),
            _UNCHECKED,
        ],
    ),
    (
        "any-of",
        {"anyOf": {}},
        [
            ("<nil>", 'Invalid value: "": "spec.anyOf" must validate at least one schema (anyOf)'),
            ("spec.anyOf.a", "Required value"),
            _UNCHECKED,
        ],
    ),
    ("not", {"not": {"a": "1"}}, [("<nil>", 'Invalid value: "": "spec.not" must not validate the schema (not)')]),
    (
        "rule-text",
        {"rules": {"a": 7, "b": 8}},
        [("spec.rules", "Invalid value: failed rule: !has(self.b) || self.a > self.b")],
    ),
    ("rule-reason-and-path", {"rules": {"a": 3}}, [("spec.rules.a", "Forbidden: a too small")]),
    ("rule-message-expression", {"rules": {"a": 200}}, [("spec.rules", "Invalid value: too big")]),
    ("rule-message-expression-else", {"rules": {"a": 120}}, [("spec.rules", "Invalid value: big")]),
    (
        "rule-on-string",
        {"rules": {"short": "x"}},
        [("spec.rules.short", "Invalid value: \"x\": failed rule: self != 'x'")],
    ),
    ("rule-on-list", {"rules": {"names": ["ab", "b"]}}, [("spec.rules.names", "Invalid value: must start with a")]),
    (
        "rule-missing-key",
        {"rules": {"b": 1}},
        [("spec.rules", 'Invalid value: "object": no such key: a evaluating rule: !has(self.b) || self.a > self.b')],
    ),
]

_STORED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("defaults", {}, {"def": "d", "null": "n", "nested": {"a": "x"}}),
    ("default-replaces-null", {"def": None}, {"def": "d"}),
    ("nullable-keeps-null", {"null": None}, {"null": None}),
    ("null-without-default-is-dropped", {"text": None}, {"text": ...}),
    ("default-inside-given-object", {"nested": {"b": 2}}, {"nested": {"a": "x", "b": 2}}),
    ("default-in-list-items", {"map": [{"name": "a"}]}, {"map": [{"name": "a", "def": "d"}]}),
    ("unknown-is-pruned", {"bogus": 1, "nested": {"zz": 1}}, {"bogus": ..., "nested": {"a": "x"}}),
    (
        "preserved-unknown",
        {"free": {"any": {"x": 1}, "known": {"q": "1", "z": 1}}},
        {"free": {"any": {"x": 1}, "known": {"q": "1"}}},
    ),
    ("int-or-string-int", {"either": 5}, {"either": 5}),
    ("int-or-string-string", {"either": "5%"}, {"either": "5%"}),
    ("whole-float-for-integer", {"whole": 3.0}, {"whole": 3}),
    ("integer-for-number", {"number": 3}, {"number": 3}),
    (
        "embedded-resource",
        {"embedded": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": 1}}},
        {"embedded": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": 1}}},
    ),
    ("duration-go", {"period": "1h30m"}, {"period": "1h30m"}),
    ("date-time-offset", {"time": "2024-02-29T10:00:00+02:00"}, {"time": "2024-02-29T10:00:00+02:00"}),
    (
        "rules-hold",
        {"rules": {"a": 9, "b": 8, "names": ["a", "ab"]}},
        {"rules": {"a": 9, "b": 8, "names": ["a", "ab"]}},
    ),
]


def _check_refused(spec: dict[str, Any], causes: list[tuple[str, str]], api: Api) -> None:
    body = widget_body("w", {"req": "x", **spec} if "req" not in spec and spec else spec)
    answer = api.refused(422, "Invalid", "POST", WIDGETS, body)
    assert sorted(answer.causes) == sorted(causes)
    assert answer.message.startswith('Widget.contract.example.com "w" is invalid: ')
    assert all(f"{field}: {message}" in answer.message for field, message in causes)


def _check_stored(spec: dict[str, Any], wanted: dict[str, Any], api: Api) -> None:
    stored = api.widget("w", {"req": "x", **spec})["spec"]
    for key, value in wanted.items():
        if value is ...:
            assert key not in stored
        else:
            assert stored[key] == value


def _refusal(spec: dict[str, Any], causes: list[tuple[str, str]]) -> Any:
    return lambda api: _check_refused(spec, causes, api)


def _storage(spec: dict[str, Any], wanted: dict[str, Any]) -> Any:
    return lambda api: _check_stored(spec, wanted, api)


TABLE = [Case(f"refuses-{name}", _refusal(spec, causes)) for name, spec, causes in _REFUSED]
TABLE += [Case(f"stores-{name}", _storage(spec, wanted)) for name, spec, wanted in _STORED]


def check_transition_rule(api: Api) -> None:
    api.widget("w", {"req": "x", "rules": {"fixed": "a"}})
    answer = api.refused(
        422, "Invalid", "PATCH", f"{WIDGETS}/w", {"spec": {"rules": {"fixed": "b"}}}, content_type=MERGE
    )
    assert answer.causes == [("spec.rules.fixed", 'Invalid value: "b": fixed')]
    api.ok("PATCH", f"{WIDGETS}/w", {"spec": {"req": "y"}}, content_type=MERGE)


def check_optional_old_self(api: Api) -> None:
    api.widget("w", {"req": "x", "rules": {"a": 9}})
    patch = {"spec": {"rules": {"b": 1}}}
    answer = api.refused(422, "Invalid", "PATCH", f"{WIDGETS}/w", patch, content_type=MERGE)
    assert answer.causes == [("spec.rules", "Invalid value: b stays")]


def check_strict_field_validation(api: Api) -> None:
    body = widget_body("w", {"req": "x", "bogus": 1})
    answer = api.refused(400, "BadRequest", "POST", WIDGETS, body, fieldValidation="Strict")
    assert 'unknown field "spec.bogus"' in answer.message


def check_warning_for_unknown_field(api: Api) -> None:
    answer = api("POST", WIDGETS, widget_body("w", {"req": "x", "bogus": 1}), fieldValidation="Warn")
    assert answer.status == 201
    assert answer.headers.get("Warning") == '299 - "unknown field \\"spec.bogus\\""'


def check_several_causes_at_once(api: Api) -> None:
    answer = api.refused(422, "Invalid", "POST", WIDGETS, widget_body("w", {"req": "x", "text": "A", "choice": "C"}))
    assert "is invalid: [" in answer.message
    assert {field for field, _ in answer.causes} == {"spec.text", "spec.choice", "<nil>"}


def check_status_is_validated(api: Api) -> None:
    api.widget("w")
    patch = {"status": {"phase": 1}}
    answer = api.refused(422, "Invalid", "PATCH", f"{WIDGETS}/w/status", patch, content_type=MERGE)
    # On updates the real server shortens the path inside the sentence to the part that is new.
    messages = dict(answer.causes)
    assert messages["status.phase"].endswith('phase in body must be of type string: "integer"')
