"""The table of functions as a whole, random functions by their properties, and the limits that functions keep."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import uuid

import pytest

from eso.template.functions import FUNCTIONS
from eso.template.functions.gotime import Time
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import Int64
from eso.template.limits import Budget, LimitError, Limits
from tests.support.certificates import call


def test_every_function_is_there() -> None:
    assert len(FUNCTIONS) == 227
    assert {"env", "expandenv", "getHostByName", "include", "tpl", "required", "lookup"}.isdisjoint(FUNCTIONS)
    assert all(name == function.name for name, function in FUNCTIONS.items())


def test_import_is_cheap() -> None:
    program = "import sys, eso.template.functions; print({'cryptography', 'bcrypt'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("randAlphaNum", "[A-Za-z0-9]"), ("randAlpha", "[A-Za-z]"), ("randNumeric", "[0-9]"), ("randAscii", "[ -~]")],
)
def test_random_text(name: str, pattern: str) -> None:
    assert re.fullmatch(f"{pattern}{{200}}", call(name, 200))
    assert call(name, 200) != call(name, 200)
    assert call(name, 0) == call(name, -1) == ""


def test_random_numbers() -> None:
    assert {call("randInt", -1, 2) for _ in range(200)} == {-1, 0, 1}
    with pytest.raises(FunctionError):
        call("randInt", 2, 2)


def test_random_bytes() -> None:
    assert len(base64.b64decode(call("randBytes", 20))) == 20
    assert call("randBytes", 0) == ""
    with pytest.raises(FunctionError):
        call("randBytes", -1)


def test_shuffle() -> None:
    assert sorted(call("shuffle", "añb\udcff")) == sorted("añb\ufffd")


def test_uuid() -> None:
    assert uuid.UUID(call("uuidv4")).version == 4


def test_clock() -> None:
    assert call("ago", "no time") == "0s"
    assert call("ago", call("now")) == "0s"
    assert call("durationRound", call("now")) == "0s"
    assert call("date", "2006", "no time") == call("now").format("2006")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("repeat", (1 << 40, "x")),
        ("indent", (1 << 40, "x")),
        ("until", (1 << 40,)),
        ("untilStep", (0, 1 << 40, 1)),
        ("seq", (1 << 40,)),
        ("randAlpha", (1 << 40,)),
        ("randBytes", (1 << 40,)),
        ("replace", ("", "x" * 5000, "y" * 5000)),
        ("join", ("x" * 5000, ["y"] * 5000)),
        ("wrapWith", (1, "x" * 5000, "y" * 5000)),
        ("regexReplaceAll", ("", "y" * 5000, "x" * 5000)),
    ],
)
def test_growth_is_limited(name: str, args: tuple[object, ...]) -> None:
    with pytest.raises(LimitError):
        FUNCTIONS[name].call(Budget(Limits(memory=1 << 20)), *args)


def test_aliases_cannot_make_a_text_huge() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert call("fromYaml", "\n".join(lines)) == {
        "Error": "error converting YAML to JSON: yaml: document contains excessive aliasing"
    }


def test_two_digits_of_a_year_before_zero() -> None:
    assert call("dateInZone", "2006 06", Int64(-99763718870), "UTC") == "-1192 92"


def test_yaml_knows_the_escaped_apostrophe() -> None:
    text = r"""a: "it\'s \'x\' \\"
b: [ "\'" ]
c: '\'
d: \'x
"""
    assert call("fromYaml", text) == {"a": "it's 'x' \\", "b": ["'"], "c": "\\", "d": r"\'x"}
    assert "unknown escape" in call("fromYaml", r"""a: "\' \q" """)["Error"]


@pytest.mark.parametrize("name", ["fromJson", "fromYaml"])
def test_deep_documents_fail(name: str) -> None:
    assert not [value for value in [call(name, "[" * 100_000)] if value and "Error" not in value]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("mustRegexMatch", ("secret(", "x")),
        ("mustToDate", ("2006", "secret")),
        ("mustDateModify", ("1secret", Time())),
        ("semver", ("secret",)),
        ("semverCompare", ("secret", "1.0.0")),
        ("urlParse", ("http://secret host/",)),
        ("mustFromJson", ("secret",)),
        ("genSelfSignedCert", ("x", ["secret"], [], 1)),
    ],
)
def test_messages_hold_no_argument(name: str, args: tuple[object, ...]) -> None:
    with pytest.raises(FunctionError) as caught:
        call(name, *args)
    assert "secret" not in str(caught.value)
