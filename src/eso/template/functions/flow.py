"""Defaults, choices and deliberate failure."""

from __future__ import annotations

from typing import Final

from eso.template.functions.equality import empty
from eso.template.gotext.function import AuthoredFailure, Function, Param
from eso.template.gotext.values import Value

__all__ = ["TABLE"]


def default(fallback: Value, *given: Value) -> Value:
    """The first given value unless it is empty, else the fallback."""
    return given[0] if given and not empty(given[0]) else fallback


def coalesce(*values: Value) -> Value:
    """The first value that is not empty; nil when all are."""
    return next((value for value in values if not empty(value)), None)


def all_set(*values: Value) -> bool:
    """Whether no value is empty."""
    return not any(empty(value) for value in values)


def any_set(*values: Value) -> bool:
    """Whether some value is not empty."""
    return any(not empty(value) for value in values)


def ternary(yes: Value, no: Value, condition: bool) -> Value:
    """`yes` or `no`."""
    return yes if condition else no


def fail(message: str) -> str:
    """Fail with the author's message.

    Raises:
        AuthoredFailure: always.
    """
    raise AuthoredFailure(message)


_A: Final = Param.ANY

TABLE: Final = (
    Function("default", default, (_A,), _A),
    Function("empty", empty, (_A,)),
    Function("coalesce", coalesce, (), _A),
    Function("all", all_set, (), _A),
    Function("any", any_set, (), _A),
    Function("ternary", ternary, (_A, _A, Param.BOOL)),
    Function("fail", fail, (Param.STRING,)),
)
