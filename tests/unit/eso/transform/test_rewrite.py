"""`dataFrom[].rewrite`, row by row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from eso.api.externalsecrets_v1.externalsecret import ExternalSecretRewrite
from eso.errors import EsoError, InvalidSpecError
from eso.transform.rewrite import rewrite


def compile_template(source: str) -> Callable[[str], str]:
    """A stand-in for the template engine that knows one form."""
    if "{{" not in source:
        raise ValueError("template: not a template")

    def render(key: str) -> str:
        if key == "bad":
            raise ValueError("cannot render")
        return re.sub(r"\{\{ \.value \| upper \}\}", key.upper(), source)

    return render


def applied(operations: list[dict[str, Any]], data: dict[str, bytes]) -> dict[str, bytes]:
    return rewrite(
        [ExternalSecretRewrite.model_validate(operation) for operation in operations], data, compile_template
    )


def regexp(source: str, target: str) -> dict[str, Any]:
    return {"regexp": {"source": source, "target": target}}


@pytest.mark.parametrize(
    ("source", "target", "key", "renamed"),
    [
        ("f(o+)", "x$1_y", "foo", "x"),
        ("f(o+)", "x${1}_y$$", "foo", "xoo_y$"),
        ("(.*)", "new-$1", "foo", "new-foo"),
        ("a*", "x", "baac", "xbxcx"),
        ("(?P<head>f)(?P<tail>o+)", "${tail}$head", "foo", "oof"),
        ("o", "$0$9", "foo", "foo"),
        ("o", "$", "fo", "f$"),
        ("x", "y", "foo", "foo"),
        ("é", "e", "café", "cafe"),
    ],
)
def test_regexp(source: str, target: str, key: str, renamed: str) -> None:
    assert applied([regexp(source, target)], {key: b"1"}) == {renamed: b"1"}


def test_operations_run_in_order_and_an_empty_one_changes_nothing() -> None:
    operations = [regexp("^a", "b"), {}, regexp("^b", "c")]
    assert applied(operations, {"a1": b"1", "z": b"2"}) == {"c1": b"1", "z": b"2"}


def test_where_two_keys_become_one_the_last_in_order_wins() -> None:
    for keys in (("k1", "k2"), ("k2", "k1")):
        assert applied([regexp("[0-9]", "")], {key: key.encode() for key in keys}) == {"k": b"k2"}


def test_a_bad_pattern() -> None:
    with pytest.raises(
        InvalidSpecError, match=r"^failed rewrite operation\[1\]: regexp failed with failed to compile: "
    ):
        applied([regexp("a", "b"), regexp("(", "")], {"a": b""})


def test_transform() -> None:
    operation = {"transform": {"template": "prefix-{{ .value | upper }}"}}
    assert applied([operation], {"key": b"1"}) == {"prefix-KEY": b"1"}


@pytest.mark.parametrize(
    ("template", "key", "text"),
    [
        ("nothing", "key", r"transform failed with failed to parse template: "),
        ("{{ .value | upper }}", "bad", r'transform failed with failed to execute template for key "bad": '),
    ],
)
def test_transform_that_fails(template: str, key: str, text: str) -> None:
    with pytest.raises(EsoError, match=rf"^failed rewrite operation\[0\]: {text}"):
        applied([{"transform": {"template": template}}], {key: b""})


DATA = {"one": b'{"a":"1","x":"<one>"}', "two": b'{"b":1.50,"x":"two"}'}


@pytest.mark.parametrize(
    ("merge", "result"),
    [
        ({"conflictPolicy": "Ignore"}, {"a": b"1", "b": b"1.5", "x": b"two"}),
        ({"conflictPolicy": "Ignore", "priority": ["one"]}, {"a": b"1", "b": b"1.5", "x": b"<one>"}),
        (
            {"conflictPolicy": "Ignore", "priority": ["one", "gone"], "priorityPolicy": "IgnoreNotFound"},
            {"a": b"1", "b": b"1.5", "x": b"<one>"},
        ),
        (
            {"conflictPolicy": "Ignore", "strategy": "JSON", "into": "all", "priority": ["one"]},
            {**DATA, "all": b'{"a":"1","b":1.5,"x":"<one>"}'},
        ),
        (
            {"conflictPolicy": "Ignore", "strategy": "JSON", "into": "one"},
            {"one": b'{"a":"1","b":1.5,"x":"two"}', "two": DATA["two"]},
        ),
    ],
)
def test_merge(merge: dict[str, Any], result: dict[str, bytes]) -> None:
    assert applied([{"merge": merge}], DATA) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (b'"text"', b"text"),
        (b"true", b"true"),
        (b"null", b""),
        (b"12345678901234567890", b"12345678901234567000"),
        (b"1e21", b"1000000000000000000000"),
        (b'{"b":"<","a":1e21}', b'{"a":1e+21,"b":"\\u003c"}'),
        (b'["a","b"]', b'["a","b"]'),
    ],
)
def test_values_that_merge_extracts(value: bytes, result: bytes) -> None:
    assert applied([{"merge": {}}], {"s": b'{"k":' + value + b"}"}) == {"k": result}


@pytest.mark.parametrize(
    ("merge", "data", "text"),
    [
        ({}, {"1": b'{"b":1,"a":1}', "2": b'{"a":2,"b":2}'}, "merge failed with conflicts: a, b"),
        ({"priority": ["gone"]}, DATA, 'merge failed with key "gone" not found in input map'),
        ({"strategy": "JSON"}, {"1": b"{}"}, "merge failed with missing 'into' field"),
        ({}, {"1": b"secret text"}, "merge failed with failed to unmarshal JSON: the value is not valid JSON"),
        ({}, {"1": b"[1]"}, "merge failed with failed to unmarshal JSON: the value is not an object"),
    ],
)
def test_merge_that_fails(merge: dict[str, Any], data: dict[str, bytes], text: str) -> None:
    with pytest.raises(EsoError) as caught:
        applied([{"merge": merge}], data)
    assert str(caught.value) == f"failed rewrite operation[0]: {text}"
    assert "secret text" not in repr(caught.value.__context__)


def test_a_pattern_cannot_take_for_ever() -> None:
    """An engine that tracks back would need longer than the universe for this."""
    key = "a" * 60 + "!"
    assert applied([regexp("(a+)+$", "b")], {key: b"v"}) == {key: b"v"}
