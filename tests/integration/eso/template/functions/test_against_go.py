"""Functions called with random arguments, here and in Go: same result, same change of the arguments, or a failure in both.

Skipped without `go`. `FUNCTION_CASES` sets how many calls of each function (8).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from tests.support.calls import comparable, outcome
from tests.support.gooracle import GoOracle, available, build
from tests.support.gooracle.arguments import functions, methods

CASES = int(os.environ.get("FUNCTION_CASES", "8"))
SEED = os.environ.get("FUNCTION_SEED", "templates")


@pytest.fixture(scope="module")
def oracle() -> Iterator[GoOracle]:
    if not available():
        pytest.skip("go is not installed")
    with GoOracle(build(), calls=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of local times were recorded in UTC."""
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize("name", sorted(functions(Random(0))))
def test_function(oracle: GoOracle, name: str) -> None:
    make = functions(Random(f"{SEED} {name}"))[name]
    for _ in range(CASES):
        args = make()
        assert outcome(name, args) == comparable(oracle.call(name, args)), args


@pytest.mark.parametrize(("kind", "name"), sorted(methods(Random(0))))
def test_method(oracle: GoOracle, kind: str, name: str) -> None:
    make = methods(Random(f"{SEED} {kind} {name}"))[kind, name]
    for _ in range(CASES):
        args = make()
        assert outcome(name, args, method=True) == comparable(oracle.call(name, args, method=True)), args
