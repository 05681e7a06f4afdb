from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import NoReturn

import pytest

from eso.cli.tracebacks import exception_stacks, write_exception
from eso.errors import ProviderError

SECRET = "hunter2-canary"


def _noted() -> NoReturn:
    err = ValueError(SECRET)
    err.add_note(SECRET)
    raise err


def _caused() -> NoReturn:
    try:
        raise KeyError(SECRET)
    except KeyError as err:
        raise OSError(5, SECRET) from err


def _in_context() -> NoReturn:
    try:
        int(SECRET)
    except ValueError:
        raise TypeError(SECRET)  # noqa: B904 - the context is the point


def _grouped() -> NoReturn:
    raise ExceptionGroup(SECRET, [ExceptionGroup(SECRET, [ValueError(SECRET)]), KeyError(SECRET)])


def _syntax() -> NoReturn:
    compile(f"{SECRET} = =", SECRET, "exec")
    raise AssertionError


def _own() -> NoReturn:
    try:
        raise ValueError(SECRET)
    except ValueError as err:
        raise ProviderError("the vault is sealed") from err


def _shown(fail: Callable[[], NoReturn]) -> tuple[list[tuple[str, str]], str]:
    with pytest.raises(Exception) as caught:
        fail()
    info = (type(caught.value), caught.value, caught.value.__traceback__)
    stacks = exception_stacks(info)
    out = io.StringIO()
    write_exception(out, info)
    return [(stack["exc_type"], stack["exc_value"]) for stack in stacks], json.dumps(stacks) + out.getvalue()


@pytest.mark.parametrize(
    ("fail", "names"),
    [
        (_noted, ["ValueError"]),
        (_caused, ["OSError", "KeyError"]),
        (_in_context, ["TypeError", "ValueError"]),
        (_grouped, ["ExceptionGroup", "ExceptionGroup", "ValueError", "KeyError"]),
        (_syntax, ["SyntaxError"]),
    ],
)
def test_foreign_exceptions_are_named_and_not_quoted(fail: Callable[[], NoReturn], names: Iterable[str]) -> None:
    seen, text = _shown(fail)
    assert seen == [(name, "") for name in names]
    assert SECRET not in text
    assert fail.__name__ in text


def test_own_exceptions_are_quoted_and_their_causes_are_not() -> None:
    seen, text = _shown(_own)
    assert seen == [("ProviderError", "the vault is sealed"), ("ValueError", "")]
    assert "the vault is sealed" in text
    assert SECRET not in text


def test_cycles_and_long_stacks_end() -> None:
    def deep(left: int) -> NoReturn:
        if left:
            deep(left - 1)
        err = ValueError(SECRET)
        err.__cause__ = err
        raise err

    try:
        deep(200)
    except ValueError as err:
        (stack,) = exception_stacks((type(err), err, err.__traceback__))
    assert len(stack["frames"]) == 51
    assert any("left out" in frame["name"] for frame in stack["frames"])
