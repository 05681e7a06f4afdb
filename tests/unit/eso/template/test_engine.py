"""Compiling once, and what errors carry."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from eso.template import FUNCTIONS, TemplateError, compile_template, render, root_of
from eso.template.engine import compile_source
from eso.template.errors import without_values
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import MapOfStringMaps, StringMap


def test_compiled_once_per_source_delimiters_name_and_table() -> None:
    first = compile_template("{{ .a }}", name="n", functions=FUNCTIONS)
    assert compile_template("{{ .a }}", name="n", functions=FUNCTIONS) is first
    assert compile_template("{{ .a }}", name="m", functions=FUNCTIONS) is not first
    assert compile_template("{{ .a }}", name="n", functions=FUNCTIONS, delims=("<", ">")) is not first
    assert compile_template("{{ .a }}", name="n", functions=MappingProxyType(dict(FUNCTIONS))) is not first
    assert compile_source("{{ .a }}", name="n", functions=FUNCTIONS) is not first


def test_a_compiled_template_has_no_memory() -> None:
    source = "{{ $x := 1 }}{{ if .a }}{{ $x = 2 }}{{ end }}{{ $x }}"
    assert [render(source, StringMap(a=value), name="n", functions={}) for value in ("1", "", "1", "")] == [
        "2",
        "1",
        "2",
        "1",
    ]


def test_huge_sources_are_not_kept() -> None:
    source = "x" * (65 << 10)
    assert compile_template(source, name="n", functions={}) is not compile_template(source, name="n", functions={})
    assert render(source, None, name="n", functions={}) == source


def test_bytes_pass_through() -> None:
    text = render("{{ .k }}", root_of({"k": b"\xff\xfe\x00ok"}), name="n", functions={})
    assert text.encode("utf-8", "surrogateescape") == b"\xff\xfe\x00ok"


def broken() -> str:
    raise RuntimeError("hunter2 in a foreign message")


def refused(text: str) -> str:
    raise FunctionError("cannot do that")


OWN = {"broken": Function("broken", broken), "refused": Function("refused", refused, (Param.STRING,))}


def test_a_function_fails_with_its_reason() -> None:
    with pytest.raises(
        TemplateError, match=r'template: n:1:3: executing "n" at <refused "x">: error calling refused: cannot do that'
    ):
        render('{{ refused "x" }}', None, name="n", functions=OWN)


def test_a_function_that_breaks_shows_only_the_class() -> None:
    with pytest.raises(TemplateError, match=r"error calling broken: RuntimeError$"):
        render("{{ broken }}", None, name="n", functions=OWN)


def test_missing_key_lists_the_keys_that_exist() -> None:
    with pytest.raises(TemplateError, match=r'no entry for key "pasword" \(keys that exist: "password", "user"\)'):
        render("{{ .pasword }}", StringMap(user="u", password="p"), name="n", functions={})
    with pytest.raises(TemplateError, match="there are no keys"):
        render("{{ .x }}", StringMap(), name="n", functions={})
    with pytest.raises(TemplateError, match=r'"k29", \.\.\.'):
        render("{{ .x }}", StringMap({f"k{index:02}": "" for index in range(40)}), name="n", functions={})


def test_place_of_a_parse_error() -> None:
    with pytest.raises(TemplateError) as caught:
        render("a\n\n{{ nope }}", None, name="n", functions={})
    assert (caught.value.stage, caught.value.key, caught.value.line) == ("parse", "n", 3)
    assert str(caught.value) == 'template: n:3: function "nope" not defined'


def test_unclosed_action_names_its_start() -> None:
    with pytest.raises(TemplateError, match="n:3: unclosed action started at line 1"):
        render("{{ .a\n\n", None, name="n", functions={})


def test_values_are_cut_from_messages() -> None:
    assert without_values("a hunter2 and hunter", ["hunter", "hunter2", "a"]) == "a [redacted] and [redacted]"
    for form in ("HUNTER2!", "aHVudGVyMiE=", "68756e74657232 21".replace(" ", ""), "hunter2%21"):
        assert without_values(f"bad {form}", ["hunter2!"]) == "bad [redacted]", form


def test_values_of_maps_in_the_data_are_kept_out_of_messages() -> None:
    data = MapOfStringMaps({"auth": StringMap({"token": "hunter2"})})
    with pytest.raises(TemplateError, match="error calling fail") as caught:
        render("{{ fail .auth.token }}", data, name="t", functions=FUNCTIONS)
    assert "hunter2" not in str(caught.value)


def test_an_author_reads_the_message_that_stands_in_the_template() -> None:
    with pytest.raises(TemplateError, match=r"error calling fail: user is not set$"):
        render(
            '{{ if not (index . "x") }}{{ fail "user is not set" }}{{ end }}',
            StringMap(x=""),
            name="t",
            functions=FUNCTIONS,
        )


@pytest.mark.parametrize("expression", ["(.x | trunc 5)", '(printf "bad: %s" (.x | trunc 5))', "(reverse .x)"])
def test_a_computed_message_is_not_shown_as_it_may_hold_part_of_a_value(expression: str) -> None:
    functions = {**FUNCTIONS, "reverse": Function("reverse", lambda text: text[::-1], (Param.STRING,))}
    with pytest.raises(TemplateError, match="the message is computed and not shown") as caught:
        render(f"{{{{ fail {expression} }}}}", StringMap(x="hunter2!"), name="t", functions=functions)
    assert "hunte" not in str(caught.value)
    assert "!2retnuh" not in str(caught.value)


def test_parse_errors_hold_no_value() -> None:
    with pytest.raises(TemplateError, match=r'function "\[redacted\]" not defined'):
        render("{{ hunter2 }}", StringMap(password="hunter2"), name="n", functions={})
