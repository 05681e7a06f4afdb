"""Random templates against Go's own text/template and sprig: same text, or a failure at the same stage and place.

Skipped without `go`. `TEMPLATE_CASES` sets how many templates (300).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eso.template import FUNCTIONS, MissingKey, TemplateError, render
from eso.template.gotext.values import StringMap
from tests.support.gooracle import Answer, GoOracle, available, build
from tests.support.gooracle.generate import TemplateGenerator, plain_data, string_data

CASES = int(os.environ.get("TEMPLATE_CASES", "300"))
DELIMS = [("<%", "%>"), ("[[", "]]"), ("[[", "]"), ("|", "|"), ("(日)", "(本)"), ("<", ">")]
_STARTED = re.compile(r" (in action )?started at (tpl:|line )\d+$")


@pytest.fixture(scope="module")
def oracle() -> Iterator[GoOracle]:
    if not available():
        pytest.skip("go is not installed")
    with GoOracle(build()) as running:
        yield running


def ours(source: str, data: Any, missing: str, delims: tuple[str, str], *, plain: bool) -> Answer:
    root = data if plain else StringMap(data)
    functions = {} if plain else FUNCTIONS
    try:
        return Answer(
            render(source, root, name="tpl", functions=functions, delims=delims, missing_key=MissingKey(missing))
        )
    except TemplateError as error:
        return Answer(None, error.stage, str(error))


def place(answer: Answer) -> str:
    """The part of a message that says where; the reasons are our own words."""
    # The oracle writes its messages as JSON, which has no form for bytes that are not UTF-8.
    text = re.sub("[\udc80-\udcff]", "\ufffd", answer.error)
    return _STARTED.sub("", text) if answer.stage == "parse" else text.partition(">: ")[0]


def without_addresses(text: str | None) -> str | None:
    """A pointer inside a list prints its address, which is another one each time."""
    return text if text is None else re.sub(r"0xc?[0-9a-f]{9,12}", "0xADDRESS", text)


@settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_same_as_go(oracle: GoOracle, rng: Random) -> None:
    plain = rng.random() < 0.4
    generator = TemplateGenerator(rng, plain=plain)
    delims = ("", "")
    if rng.random() < 0.04:
        delims = generator.left, generator.right = rng.choice(DELIMS)
    source = generator.source()
    data = plain_data(rng) if plain else string_data(rng)
    missing = rng.choice(["default", "zero", "error"]) if plain else rng.choice(["error", "error", "default"])
    go = oracle.render(source, data, missing=missing, delims=delims, plain=plain)
    mine = ours(source, data, missing, delims, plain=plain)
    if go.stage == "endless":
        assert "limit: " in mine.error, source
        return
    assert (without_addresses(mine.output), mine.stage) == (without_addresses(go.output), go.stage), source
    if "[redacted]" not in mine.error and "limit: " not in mine.error:
        assert place(mine) == place(go), source
