"""Each limit is a clear error with key, line and column."""

from __future__ import annotations

import pytest

from eso.template import FUNCTIONS, Limits, TemplateError, TemplateLimitError, render
from eso.template.engine import compile_template
from eso.template.gotext.state import MissingKey
from eso.template.gotext.values import StringMap
from eso.template.limits import Budget, LimitError

SMALL = Limits(steps=1000, output=1000, memory=100_000, depth=20)


@pytest.mark.parametrize(
    ("source", "line", "column", "limit"),
    [
        ("\n {{ range until 900 }}{{ range until 900 }}{{ end }}{{ end }}", 2, 31, "steps"),
        ("{{ range 100000000 }}{{ end }}", 1, 9, "steps"),
        ("x\n{{ range 500 }}aaaaaaaaaaaa{{ end }}", 2, 15, "output"),
        ('{{ range 500 }}{{ "aaaaaaaaaaaa" }}{{ end }}', 1, 18, "output"),
        ('{{ $x := "aaaaaaaaaa" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}', 1, 47, "memory"),
        ("{{ $x := list 1 }}{{ range 100 }}{{ $x = concat $x $x }}{{ end }}", 1, 41, "memory"),
        ('{{ $x := list "a" }}{{ range 50 }}{{ $x = list $x $x }}{{ end }}{{ $x }}', 1, 67, "memory"),
        ('{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', 1, 28, "depth"),
    ],
)
def test_limit(source: str, line: int, column: int, limit: str) -> None:
    with pytest.raises(TemplateLimitError) as caught:
        render(source, StringMap(), name="key", functions=FUNCTIONS, limits=SMALL)
    error = caught.value
    assert (error.key, error.line, error.column) == ("key", line, column)
    assert str(error).startswith(f"template: key:{line}:{column}: limit: ")
    wanted = {"memory": "intermediate values", "depth": "template depth"}.get(limit, limit)
    assert wanted in str(error)


def test_time() -> None:
    ticks = iter(range(1000))
    template = compile_template("{{ range until 100000 }}{{ end }}", name="key", functions=FUNCTIONS)
    with pytest.raises(TemplateLimitError, match="longer than 5 seconds"):
        template.run(StringMap(), MissingKey.ERROR, Budget(Limits(seconds=5), clock=lambda: float(next(ticks))))


def test_parentheses() -> None:
    assert render("{{" + "(" * 9000 + "1" + ")" * 9000 + "}}", None, name="t", functions={}) == "1"
    with pytest.raises(Exception, match="max expression depth exceeded"):
        render("{{" + "(" * 10001 + "1" + ")" * 10001 + "}}", None, name="t", functions={})


def test_control_structures() -> None:
    assert render("{{if 1}}" * 400 + "x" + "{{end}}" * 400, None, name="t", functions={}) == "x"
    with pytest.raises(Exception, match="control structures inside each other"):
        render("{{if 1}}" * 600 + "x" + "{{end}}" * 600, None, name="t", functions={})


def test_recursion_of_templates() -> None:
    source = '{{ define "r" }}{{ if . }}x{{ template "r" (slice . 1) }}{{ end }}{{ end }}{{ template "r" .v }}'
    assert render(source, StringMap(v="y" * 900), name="t", functions={}) == "x" * 900


def test_value_that_holds_itself() -> None:
    with pytest.raises(TemplateLimitError):
        render('{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}', StringMap(), name="t", functions=FUNCTIONS)


def test_budget_counts_before_it_is_spent() -> None:
    budget = Budget(Limits(memory=640))
    budget.spend_items(10)
    with pytest.raises(LimitError, match="more than 640 bytes"):
        budget.spend(1)


DEEP = 9000


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{" + "(" * DEEP + "1" + ")" * DEEP + " 2}}", "nested too deeply"),
        ("{{" + "(" * DEEP + "nil" + ")" * DEEP + "}}", "nil is not a command"),
        ("{{" + "(not " * DEEP + "1" + ")" * DEEP + "}}", "nested too deeply"),
        ('{{ define "t" }}{{ end }}{{ template "t" }}{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}', "nested too deeply"),
        ('{{ define "t" }}{{ end }}{{ template "t" }}{{ mustFromJson (repeat 100000 "[") }}', "error calling mustFromJson"),
        ('{{ define "t" }}{{ end }}{{ template "t" }}{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toJson $d | fail }}', "fail|nested"),
    ],
)  # fmt: skip
def test_depth_ends_in_an_error(source: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        render(source, StringMap(), name="key", functions=FUNCTIONS)
