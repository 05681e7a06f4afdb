from __future__ import annotations

import pytest

from reconcile.errors import TerminalError, TransportError
from reconcile.tracebacks import frames_of, locator


def _parse(text: str) -> int:
    return int(text)


def _load(text: str) -> int:
    try:
        return _parse(text)
    except ValueError as err:
        raise LookupError(f"no number in {text}") from err


def _caught(text: str) -> Exception:
    try:
        _load(text)
    except LookupError as err:
        return err
    raise AssertionError


def test_frames_name_places_of_an_error_and_its_cause_and_no_values() -> None:
    told = frames_of(_caught("s3cret"))
    lines = [line.strip().rpartition(", in ")[2] for line in told.splitlines()]
    assert lines == ["builtins.LookupError", "_caught", "_load", "caused by", "builtins.ValueError", "_load", "_parse"]
    assert __file__ in told
    assert "s3cret" not in told
    assert "int(text)" not in told


def test_frames_of_a_group_name_its_members() -> None:
    told = frames_of(ExceptionGroup("s3cret", [_caught("s3cret"), KeyError("s3cret")]))
    assert [line.strip() for line in told.splitlines() if "builtins" in line] == [
        "builtins.ExceptionGroup",
        "builtins.LookupError",
        "builtins.ValueError",
        "builtins.KeyError",
    ]
    assert "s3cret" not in told


def test_errors_that_cause_each_other_end() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert frames_of(first).count("ValueError") == 2


class OrdinaryError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "is_located"),
    [
        (ValueError(), True),
        (ExceptionGroup("", [ValueError(), OSError()]), True),
        (OrdinaryError(), False),
        (TransportError("x"), False),
        (TerminalError("x"), False),
        (TimeoutError(), False),
        (ConnectionError(), False),
        (ExceptionGroup("", [TransportError("x"), OrdinaryError()]), False),
    ],
)
def test_only_what_nobody_expects_is_located(error: Exception, is_located: bool) -> None:
    assert (locator("frames", (OrdinaryError,))(error) != "") is is_located
    assert locator("none", (OrdinaryError,))(error) == ""


def test_full_tracebacks_are_those_of_python() -> None:
    told = locator("full")(_caught("text"))
    assert "LookupError: no number in text" in told
    assert "The above exception was the direct cause" in told


def test_another_way_to_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="want 'frames', 'full' or 'none'"):
        locator("locals")  # type: ignore[arg-type]
