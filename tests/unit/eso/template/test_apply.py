"""Rendered values into objects: scopes, targets, decoding, typed and untyped objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eso.template import TemplateError, execute
from eso.values import SecretValue
from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.api.meta_v1 import ObjectMeta

DATA = {
    "user": b"admin", "port": b"5432", "bin": b"\xff\x00", "b64": b"dGlkZXM=", "b64url": b"_-8=", "yaml": b"a: 1\nb: [x, 2]\n", "secret": b"hunter2-secret",
}  # fmt: skip


def thing(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, **fields}


def run(obj: Any, target: str, template: str, *, scope: str = "Values", key: str = "k", decoding: str = "None") -> Any:
    return execute({key: template}, DATA, scope=scope, target=target, obj=obj, decoding=decoding)


def complete(**fields: Any) -> dict[str, Any]:
    """The untyped object after a Values-style write."""
    return thing(**fields) | {"metadata": {"name": "t", "labels": {}, "annotations": {}}}


VALUES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "data": ("Data", "{{ .user }}", thing(), complete(data={"k": "admin"})),
    "data keeps the rest": ("data", "{{ .user }}", thing(data={"z": 1}), complete(data={"z": 1, "k": "admin"})),
    "data of an untyped object is text": ("DATA", "{{ .bin }}", thing(), complete(data={"k": "\ufffd\0"})),
    "spec is always text": ("Spec", "5", thing(spec={"z": 1}), complete(spec={"z": 1, "k": "5"})),
    "path parses YAML": ("spec.a", "{{ .yaml }}", thing(), complete(spec={"a": {"a": 1, "b": ["x", 2]}})),
    "path replaces": ("spec.a", "b: 1", thing(spec={"a": {"z": 1}}), complete(spec={"a": {"b": 1}})),
    "path keeps what is no YAML": ("spec.a", "a: b: c", thing(), complete(spec={"a": "a: b: c"})),
    "path of empty text": ("spec.a", "", thing(), complete(spec={"a": None})),
    "path grows lists": ("spec.l[2].x", "v", thing(), complete(spec={"l": [None, None, {"x": "v"}]})),
    "path with nested lists": ("m[0][1]", "1", thing(), complete(m=[[None, 1]])),
    "path over null": ("spec.a.b", "1", thing(spec={"a": None}), complete(spec={"a": {"b": 1}})),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    target, template, obj, expected = VALUES[name]
    assert run(obj, target, template) == expected


def test_labels_and_annotations() -> None:
    labelled = run(thing(), "labels", "{{ .user }}")
    assert labelled["metadata"] == {"name": "t", "labels": {"k": "admin"}, "annotations": {}}
    annotated = run(thing(), "Annotations", "{{ .user }}")
    assert annotated["metadata"] == {"name": "t", "labels": {}, "annotations": {"k": "admin"}}


def test_label_map_with_another_type_starts_anew() -> None:
    obj = thing()
    obj["metadata"]["labels"] = {"keep": "x", "bad": 1}
    assert run(obj, "labels", "v")["metadata"]["labels"] == {"k": "v"}


KEYS_AND_VALUES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "scalars become text": (
        "data", "i: 0x1F\no: 0777\nb: yes\nz: null\nn: no key\nf: 3.14159265358979\ng: 1.10\nh: 123456789.5\nd: 2021-01-01\ny: key\n1: one\n", thing(),
        complete(data={"i": "31", "o": "511", "b": "true", "z": "", "false": "no key", "f": "3.1415927", "g": "1.1", "h": "1.2345679e+08", "d": "2021-01-01", "true": "key", "1": "one"}),
    ),
    "floats up to the largest": ("data", "a: 3.4028235e+38\nb: 3.5e38\nc: -1e-46\n", thing(), complete(data={"a": "3.4028235e+38", "b": "+Inf", "c": "-0"})),
    "spec is replaced": ("spec", "a: 1", thing(spec={"z": 1}), thing(spec={"a": 1})),
    "Spec is a path": ("Spec", "a: 1", thing(Spec={"z": 1}), thing(Spec={"a": 1})),
    "one segment replaces": ("other", "a: 1", thing(other={"z": 1}), thing(other={"a": 1})),
    "longer paths merge one level": ("spec.m", "a: 1\no: {x: 1}", thing(spec={"m": {"z": 1, "o": {"y": 1}}}), thing(spec={"m": {"z": 1, "a": 1, "o": {"x": 1}}})),
    "an index merges": ("l[0]", "a: 1", thing(l=[{"z": 1}]), thing(l=[{"z": 1, "a": 1}])),
    "a list replaces": ("spec.l", "[1, 2]", thing(spec={"l": [9]}), thing(spec={"l": [1, 2]})),
    "big integers": ("spec.v", "9007199254740993", thing(), thing(spec={"v": 9007199254740993})),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS_AND_VALUES)
def test_keys_and_values(name: str) -> None:
    target, template, obj, expected = KEYS_AND_VALUES[name]
    assert run(obj, target, template, scope="KeysAndValues") == expected


@pytest.mark.parametrize("template", ["", "# only a comment\n", "---\n"])
def test_no_keys(template: str) -> None:
    assert run(thing(), "data", template, scope="KeysAndValues") == thing()


def test_typed_secret_holds_bytes() -> None:
    secret = Secret(metadata=ObjectMeta(name="s", labels={"keep": "1"}), data={"old": b"o"})
    assert run(secret, "Data", "{{ .bin }}").data == {"old": b"o", "k": b"\xff\x00"}
    assert secret.data == {"old": b"o"}
    assert run(secret, "Labels", "{{ .user }}").metadata.labels == {"keep": "1", "k": "admin"}


def test_typed_objects_drop_unknown_fields() -> None:
    secret = Secret(metadata=ObjectMeta(name="s"))
    assert run(secret, "spec", "v") == secret
    assert run(secret, "spec.deep[3]", "v", scope="KeysAndValues") == secret


def test_typed_config_map_holds_text() -> None:
    assert run(ConfigMap(metadata=ObjectMeta(name="c")), "Data", "{{ .user }}").data == {"k": "admin"}


def test_path_into_a_typed_secret_is_its_wire_form() -> None:
    secret = Secret(metadata=ObjectMeta(name="s"))
    assert run(secret, "data.x", "{{ .b64 }}").data == {"x": b"tides"}


@pytest.mark.parametrize(
    ("strategy", "template", "expected"),
    [
        ("", "{{ .b64 }}", b"dGlkZXM="), ("None", "{{ .b64 }}", b"dGlkZXM="), ("Base64", "{{ .b64 }}", b"tides"), ("Base64", "dGlk\r\nZXM=", b"tides"),
        ("Base64URL", "{{ .b64url }}", b"\xff\xef"), ("Auto", "{{ .b64 }}", b"tides"), ("Auto", "{{ .b64url }}", b"\xff\xef"), ("Auto", "word", b"\xc2\x8a\xdd"),
        ("Auto", "{{ .user }}", b"admin"),
    ],
)  # fmt: skip
def test_decoding(strategy: str, template: str, expected: bytes) -> None:
    secret = Secret(metadata=ObjectMeta(name="s"))
    assert run(secret, "Data", template, decoding=strategy).data["k"] == expected
    assert (
        run(
            secret,
            "Data",
            f"k: {template.replace('}}', ' | quote }}') if '{' in template else json.dumps(template)}",
            scope="KeysAndValues",
            decoding=strategy,
        ).data["k"]
        == expected
    )


ERRORS: dict[str, tuple[str, str, str, str, str]] = {
    "scope": ("values", "data", "x", "None", "unknown scope 'values': expected 'Values' or 'KeysAndValues'"),
    "strategy": (
        "Values",
        "data",
        "x",
        "Hex",
        "failed to decode rendered template value for key k: decoding strategy Hex is not supported",
    ),
    "Base64": ("Values", "data", "a$", "Base64", "illegal base64 data at input byte 1"),
    "Base64URL refuses the standard alphabet": (
        "Values",
        "data",
        "+/8=",
        "Base64URL",
        "illegal base64 data at input byte 0",
    ),
    "list of pairs": ("KeysAndValues", "data", "[1]", "None", "it is no mapping"),
    "nested value": ("KeysAndValues", "data", "a: {b: 1}", "None", "the value of a is no scalar"),
    "no YAML": ("KeysAndValues", "data", "a: b: {{ .secret }}", "None", "could not unmarshal template k"),
    "no YAML at a path": ("KeysAndValues", "spec.a", "a: b: {{ .secret }}", "None", "could not unmarshal template k"),
    "empty target": ("Values", "", "x", "None", 'invalid path ""'),
    "data is no mapping": ("Values", "Data", "x", "None", "field data of the object is no mapping"),
    "wrong container": ("Values", "spec.s.x", "x", "None", 'cannot set key "x": it is in a value of type string'),
    "wrong container in a list": (
        "Values",
        "spec[0]",
        "x",
        "None",
        "cannot set index 0: it is in a value of type map[string]interface {}",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    scope, target, template, decoding, message = ERRORS[name]
    obj = thing(spec={"s": "text"}, data=["no mapping"]) if name == "data is no mapping" else thing(spec={"s": "text"})
    with pytest.raises(TemplateError) as caught:
        run(obj, target, template, scope=scope, decoding=decoding)
    assert caught.value.stage == "apply"
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_wrong_type_for_a_typed_field() -> None:
    with pytest.raises(TemplateError, match=r"the object cannot hold the value of data\.x"):
        run(Secret(metadata=ObjectMeta(name="s")), "data.x", "{{ .port }}")


def test_no_templates_do_nothing_not_even_check_the_scope() -> None:
    assert execute(None, DATA, scope="nope", target="data", obj=thing()) == thing()
    with pytest.raises(TemplateError, match="unknown scope"):
        execute({}, DATA, scope="nope", target="data", obj=thing())


def test_secret_values_are_accepted() -> None:
    result = execute({"k": "{{ .v }}"}, {"v": SecretValue(b"x")}, scope="Values", target="data", obj=thing())
    assert result["data"] == {"k": "x"}


def test_templates_run_in_the_order_of_their_keys_and_a_failure_changes_nothing() -> None:
    obj = thing()
    with pytest.raises(TemplateError) as caught:
        execute({"c": "{{ .no }}", "a": "ok", "b": "{{ .nope }}"}, DATA, scope="Values", target="data", obj=obj)
    assert caught.value.key == "b"
    assert obj == thing()


def test_error_shape() -> None:
    with pytest.raises(TemplateError) as caught:
        run(thing(), "data", "a\n {{ .nope }}")
    prefix = "unable to execute template at key k: unable to execute template at key k: template: k:2:4: executing"
    assert str(caught.value).startswith(prefix)
    with pytest.raises(
        TemplateError, match="unable to execute template at key k: unable to parse template at key k: template: k:1: "
    ):
        run(thing(), "data", "{{")


@pytest.mark.parametrize(
    "template",
    [
        "{{ range .secret }}{{ end }}", "{{ eq (dict `x` .secret) (dict) }}", "{{ fail .secret }}", "{{ call .secret }}", "{{ len (int .port) }}",
        "{{ index . .secret | index (list) }}", "{{ .secret.x }}", "{{ trunc .secret `a` }}", "{{ (dict .secret 1).x }}", "{{ fromJson .secret | mustFromJson }}",
        "{{ regexFind .secret `x` | mustRegexFind (print `(` .secret) }}", "{{ .secret | b64enc | mustFromJson }}", "{{ first .secret }}",
    ],
)  # fmt: skip
def test_errors_hold_no_value(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        run(thing(), "data", template)
    assert "hunter2" not in str(caught.value)
    assert "5432" not in str(caught.value)


def test_inline_templates_are_not_repeated_in_errors() -> None:
    source = "a: {{ .nope }} # hunter2"
    with pytest.raises(TemplateError) as caught:
        run(thing(), "data", source, scope="KeysAndValues", key=source)
    assert caught.value.key == "literal"
    assert "hunter2" not in str(caught.value)
