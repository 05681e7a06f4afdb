"""The language through its door: source and data to text, or to an error with its stage."""

from __future__ import annotations

from typing import Any

import pytest

from eso.template import FUNCTIONS, MissingKey, TemplateError, render
from eso.template.gotext.values import MapOfStringMaps, StringMap

DATA = {"a": "alpha", "b": "beta", "e": "", "dash-key": "dv", "bin": "\udcff\x00", "uni": "héllo ☃", "é": "accent"}


def show(source: str, data: Any = None, missing: MissingKey = MissingKey.ERROR, **options: Any) -> str:
    return render(
        source,
        StringMap(DATA) if data is None else data,
        name="tpl",
        functions=FUNCTIONS,
        missing_key=missing,
        **options,
    )


RENDERS = {
    # 13.1 text, delimiters, trim markers
    "text is copied": ("plain }} text", "plain }} text"),
    "trim both sides": ("x \n\t{{- .a -}}\r\n y", "xalphay"),
    "trim leaves values": ('x {{- "  v  " -}} y', "x  v  y"),
    "trim leaves other blanks": ("x\v{{- .a }}", "x\valpha"),
    "minus three is a number": ("{{-3}}", "-3"),
    "newlines inside an action": ("{{ print\n1\n2 }}", "1 2"),
    "raw string with delimiter": ("{{ `}}` }}", "}}"),
    "comment": ("a{{/* x }} */}}b", "ab"),
    "comment trims": ("a {{- /* x */ -}} b", "ab"),
    # 13.2 literals
    "escapes": (r'{{ "\x41\101\u00e9\U0001F600\t\\\"" }}', 'AAé😀\t\\"'),
    "one byte": (r'{{ "\xff" }}', "\udcff"),
    "bytes join to a character": (r'{{ print "\xc3" "\xa9" | len }}{{ print "\xc3" "\xa9" }}', "2é"),
    "character": ("{{ 'a' }}{{ '\\'' }}{{ '☃' }}", "97399731"),
    "integers": ("{{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }} {{ -0 }}", "31 3 15 15 1000 0"),
    "floats": ("{{ .5 }} {{ 5. }} {{ 1e3 }} {{ 1e6 }} {{ 0x1p4 }} {{ 100000.0 }} {{ -0.0 }}", "0.5 5 1000 1e+06 16 100000 -0"),
    "float is no int": ('{{ printf "%T %T" 1e3 1000 }}', "float64 int"),
    "complex": ("{{ 1i }} {{ 1+2i }}", "(0+1i) (1+2i)"),
    # 13.3 pipelines
    "pipe is last argument": ('{{ "b" | printf "%s%s" "a" }}', "ab"),
    "trailing pipe": ("{{ .a | }}", "alpha"),
    "fields of parentheses": ('{{ (dict "k" (dict "l" 1)).k.l }}', "1"),
    # 13.4 variables
    "assignment from inside": ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
    "shadowing": ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
    "declaration in parentheses prints": ("{{ ($x := 1) }}{{ $x }}", "11"),
    "header variable lives in else": ("{{ if $x := 0 }}{{ else }}{{ $x }}{{ end }}", "0"),
    "dollar is the root": ("{{ range list 1 }}{{ $.a }}{{ end }}", "alpha"),
    "dollar in define is what was passed": ('{{ define "t" }}{{ $ }}{{ end }}{{ template "t" .a }}', "alpha"),
    # 13.5 control flow
    "truth": ('{{ range list "false" "" 0 1 0.0 nil (list) (list 0) (dict) }}{{ if . }}T{{ else }}F{{ end }}{{ end }}', "TFFTFFFTF"),
    "else if": ("{{ if false }}1{{ else if .a }}2{{ else }}3{{ end }}", "2"),
    "else with": ("{{ with .e }}1{{ else with .b }}{{ . }}{{ end }}", "beta"),
    "with keeps the dot in else": ("{{ with .e }}{{ else }}{{ .a }}{{ end }}", "alpha"),
    "range over a list": ("{{ range $i, $v := list 5 6 }}{{ $i }}={{ $v }};{{ end }}", "0=5;1=6;"),
    "range in byte order": ('{{ range $k, $v := dict "a" 1 "_" 2 "A" 3 "9" 4 "10" 5 }}{{ $k }} {{ end }}', "10 9 A _ a "),
    "range over an int": ("{{ range 3 }}{{ . }}{{ end }}{{ range int64 2 }}{{ printf `%T` . }}{{ end }}", "012int64int64"),
    "range over nothing": ("{{ range 0 }}x{{ else }}none{{ end }}{{ range -1 }}x{{ else }}none{{ end }}", "nonenone"),
    "range assigns": ("{{ $v := 0 }}{{ range $v = list 1 2 }}{{ end }}{{ $v }}", "2"),
    "break and continue": ("{{ range 5 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}", "02"),
    "break in the else of an inner range": ("{{ range 2 }}{{ range 0 }}{{ else }}{{ break }}{{ end }}{{ . }}{{ end }}", "01"),
    "continue in the else of an inner range": ("{{ range 2 }}{{ range 0 }}{{ else }}{{ continue }}{{ end }}{{ . }}{{ end }}", ""),
    "define after use": ('{{ template "t" 1 }}{{ define "t" }}[{{ . }}]{{ end }}', "[1]"),
    "block": ('{{ block "t" .a }}<{{ . }}>{{ end }}{{ template "t" 2 }}', "<alpha><2>"),
    "define of the main name": ('{{ define "tpl" }}body{{ end }}', "body"),
    "empty definition does not replace": ('{{ define "t" }}x{{ end }}{{ define "t" }} {{/* */}} {{ end }}{{ template "t" }}', "x"),
    "template without data": ('{{ define "t" }}{{ . }}{{ end }}{{ template "t" }}', "<no value>"),
    # 13.6 fields, missing keys, nil
    "index of an absent key": ('[{{ index . "nope" }}]', "[]"),
    "key that is no identifier": ('{{ index . "dash-key" }}', "dv"),
    "unicode identifier": ("{{ .é }}", "accent"),
    "present nil": ('{{ (dict "a" nil).a }}', "<no value>"),
    "nested nil": ('{{ list nil }}{{ dict "a" nil }}{{ print nil }}', "[<nil>]map[a:<nil>]<nil>"),
    "html of nil": ("{{ html nil }}", "&lt;no value&gt;"),
    "short circuit skips a missing key": ("{{ or .a .missing }}{{ and .e .missing }}", "alpha"),
    # 9 built-in functions
    "and, or give the argument": ('{{ and 1 "x" }}{{ or 0 "" "y" }}{{ and 1 0 2 }}', "xy0"),
    "not": ("{{ not 0 }}{{ not 1 }}", "truefalse"),
    "len": ('{{ len "é" }}{{ len (list 1 2) }}{{ len (dict "a" 1) }}', "221"),
    "index nested": ('{{ index (dict "a" (list 1 2)) "a" 1 }}{{ index "é" 0 }}{{ index 5 }}', "21955"),
    "print": ('{{ print 1 2 "a" 3 4 "b" "c" }}', "1 2a3 4bc"),
    "println": ('{{ println "a" 1 }}', "a 1\n"),
    "html": ("{{ html `<a href=\"x\">it's & \0</a>` }}", "&lt;a href=&#34;x&#34;&gt;it&#39;s &amp; \ufffd&lt;/a&gt;"),
    "js": ("{{ js `<a='b\\\"&\n\u2028☃` }}", "\\u003Ca\\u003D\\'b\\\\\\\"\\u0026\\u000A\\u2028☃"),
    "urlquery": ('{{ urlquery "é☃ a+b~_.-" }}', "%C3%A9%E2%98%83+a%2Bb~_.-"),
    "eq any": ("{{ eq 3 1 2 3 }}{{ eq 1 nil }}{{ eq nil nil }}", "truefalsetrue"),
    "eq of kinds of int": ('{{ eq (int64 195) (index "é" 0) }}{{ eq 195 (int64 195) }}', "truetrue"),
    "eq stops at the first match": ('{{ eq 1 1 "a" }}', "true"),
    "order": ('{{ lt 1 2 }}{{ le "a" "a" }}{{ gt 1.5 1.0 }}{{ ge "a" "b" }}', "truetruetruefalse"),
    # data
    "bytes pass through": ("{{ .bin }}", "\udcff\x00"),
    "root prints": ('{{ dict "b" 2 "a" (list 1 "x") }}', "map[a:[1 x] b:2]"),
}  # fmt: skip


@pytest.mark.parametrize("name", RENDERS)
def test_renders(name: str) -> None:
    source, expected = RENDERS[name]
    assert show(source) == expected


PARSE_ERRORS = [
    "{{", "{{ .a", "{{ end }}", "{{ if }}x{{ end }}", "{{ if .a }}", "{{ else }}", "{{ | .a }}", "{{ .a | 5 }}", "{{ .a | nil }}", "{{ 08 }}", "{{ 3-}}",
    "{{.a-}}", "{{-}}", "{{- -}}", "{{ /* x */}}", "{{/* x }}", "{{/* x */ }}", '{{ "a }}', "{{ ` }}", "{{ 'ab' }}", r"""{{ "\'" }}""", r"""{{ '\"' }}""",
    "{{ 1__0 }}", "{{ 0x }}", "{{ 5.a }}", "{{ nil.x }}", '{{ "s".x }}', "{{ true.x }}", "{{ print(1) }}", '{{ print "a""b" }}', "{{ .a.(b) }}", "{{ .a[0] }}",
    "{{ nope }}", "{{ if false }}{{ nope }}{{ end }}", "{{ $x }}", "{{ $x, $y := 1 }}", "{{ range $x, $y, $z := list }}{{ end }}", "{{ break }}",
    "{{ range 1 }}{{ else }}{{ break }}{{ end }}", "{{ range 1 }}{{ break 1 }}{{ end }}", '{{ range 1 }}{{ define "x" }}{{ end }}{{ end }}',
    "{{ template x }}", '{{ block "x" }}{{ end }}', '{{ define "t" }}1{{ end }}{{ define "t" }}2{{ end }}', "{{ if .a }}{{ else with .b }}{{ end }}",
    "{{ range .a }}{{ else range .b }}{{ end }}", "{{ ☃ }}", "{{ (1 }}", "{{ 1) }}", "{{ 1+2 }}", "{{ 18446744073709551616 }}", "{{ 1 = 2 }}", "{{ include \"x\" . }}",
    "{{ if .a }}{{ $y := 1 }}{{ end }}{{ $y }}", "{{ \"\n\" }}", "{{ : }}", "{{ () }}",
]  # fmt: skip


@pytest.mark.parametrize("source", PARSE_ERRORS)
def test_does_not_parse(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        show(source)
    assert caught.value.stage == "parse"


EXEC_ERRORS = {
    "{{ .missing }}": '1:3: executing "tpl" at <.missing>: map has no entry for key "missing"',
    "x\n  {{ .a }}\n é{{ .missing }}": '3:6: executing "tpl" at <.missing>: map has no entry',
    "{{ default 1 .missing }}": '1:13: executing "tpl" at <.missing>',
    "{{ nil }}": '1:3: executing "tpl" at <nil>: nil is not a command',
    "{{ if nil }}{{ end }}": "nil is not a command",
    "{{ .a 1 }}": '1:3: executing "tpl" at <.a>: a is not a method but has arguments',
    "{{ 1 2 }}": "can't give argument to non-function 1",
    "{{ 1 | .a }}": "a is not a method but has arguments",
    "{{ (1) 2 }}": "can't give argument to non-function 1",
    "{{ (1).x }}": "can't evaluate field x in type int",
    "{{ .a.b }}": '1:5: executing "tpl" at <.a.b>: can\'t evaluate field b in type string',
    '{{ (dict "a" 1).a.b }}': "can't evaluate field b in type interface {}",
    '{{ (dict "a" nil).a.b }}': "nil pointer evaluating interface {}.b",
    "{{ upper 5 }}": '1:9: executing "tpl" at <5>: expected string; found 5',
    "{{ upper .a .b }}": "wrong number of args for upper: want 1 got 2",
    "{{ printf }}": "wrong number of args for printf: want at least 1 got 0",
    "{{ upper nil }}": "cannot assign nil to string",
    "{{ 5 | upper }}": '1:7: executing "tpl" at <upper>: wrong type for value; expected string; got int',
    "{{ trunc (int64 3) .a }}": "wrong type for value; expected int; got int64",
    '{{ ternary 1 2 "x" }}': 'expected bool; found "x"',
    "{{ trunc 1.5 .a }}": "expected integer; found 1.5",
    "{{ keys . }}": "wrong type for value; expected map[string]interface {}; got map[string]string",
    "{{ 18446744073709551615 }}": "18446744073709551615 overflows int",
    "{{ $x = 1 }}": "undefined variable: $x",
    "{{ and false ($x := 1) }}{{ $x }}": "undefined variable: $x",
    '{{ template "nope" }}': 'template "nope" not defined',
    '{{ define "t" }}{{ .x }}{{ end }}{{ template "t" }}': 'executing "t" at <.x>: nil data; no entry for key "x"',
    "{{ range $i, $v := 3 }}{{ end }}": "to iterate over more than one variable",
    "{{ eq 1 1.0 }}": "error calling eq: incompatible types for comparison: int and float64",
    "{{ eq (list) (list) }}": "error calling eq: non-comparable type",
    "{{ eq 1 }}": "error calling eq: missing argument for comparison",
    "{{ lt true false }}": "error calling lt: invalid type for comparison",
    "{{ lt nil 1 }}": "error calling lt: invalid type for comparison",
    "{{ index (list 1) 5 }}": "error calling index: index out of range",
    "{{ index (list 1) 1 }}": "error calling index",
    "{{ index (list 1) 1.0 }}": "cannot index slice/array with type float64",
    "{{ index nil 1 }}": "index of untyped nil",
    "{{ len 5 }}": "error calling len: len of type int",
    "{{ len nil }}": "error calling len",
    "{{ call .a }}": "error calling call: non-function of type string",
    "{{ call nil }}": "error calling call: call of nil",
    '{{ upper .a | printf "%s" .missing }}': "<.missing>",
    "{{ .a | upper | trunc 3 4 }}": "wrong number of args for trunc: want 2 got 3",
}


@pytest.mark.parametrize("source", EXEC_ERRORS)
def test_fails_when_executed(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        show(source)
    assert caught.value.stage == "exec"
    assert EXEC_ERRORS[source] in str(caught.value)
    assert str(caught.value).startswith(f"template: tpl:{caught.value.line}:{caught.value.column}: ")


LENIENT = {
    "{{ .missing }}": "<no value>",
    "{{ if .missing }}x{{ else }}y{{ end }}": "y",
    "{{ default 1 .missing }}": "1",
    "{{ range .missing }}x{{ else }}y{{ end }}": "y",
    "{{ .missing.deeper.still }}": "<no value>",
    "{{ print .missing }}": "<nil>",
    '{{ printf "%s" .missing }}': "%!s(<nil>)",
}


@pytest.mark.parametrize("source", LENIENT)
def test_lenient_missing_keys(source: str) -> None:
    assert show(source, missing=MissingKey.DEFAULT) == LENIENT[source]


def test_lenient_missing_key_is_no_string() -> None:
    with pytest.raises(TemplateError, match="invalid value; expected string"):
        show("{{ upper .missing }}", missing=MissingKey.DEFAULT)


def test_zero_for_missing_keys() -> None:
    assert show("[{{ .missing }}]", missing=MissingKey.ZERO) == "[]"
    assert show("{{ .missing }}", {"a": 1}, missing=MissingKey.ZERO) == "<no value>"


def test_root_of_webhook_templates() -> None:
    root = MapOfStringMaps({"remoteRef": StringMap({"key": "k"})})
    assert (
        show("{{ .remoteRef.key }}{{ .auth.token }}{{ typeOf . }}", root, MissingKey.DEFAULT)
        == "k<no value>map[string]map[string]string"
    )
    assert show('{{ index . "nope" }}', root) == "map[]"


@pytest.mark.parametrize(
    ("delims", "source"),
    [
        (("<%", "%>"), "<% .a %>"),
        (("[", "]"), "[.a]"),
        (("|", "|"), "|.a|"),
        (("(日)", "(本)"), "(日).a(本)"),
        (("", ""), "{{.a}}"),
        (("<<", ""), "<<.a}}"),
    ],
)
def test_delimiters(delims: tuple[str, str], source: str) -> None:
    assert show(source, delims=delims) == "alpha"


def test_no_data_at_all() -> None:
    assert render("{{ . }}", None, name="t", functions={}) == "<no value>"
