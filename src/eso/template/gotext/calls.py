"""Calls of functions and methods: count and check the arguments, call, turn failures into errors with a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from eso.template.gotext import nodes
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.state import ExecError, State, limit_reached
from eso.template.gotext.values import Value, normalized
from eso.template.limits import LimitError

__all__ = ["NO_FINAL", "Call", "checked_call", "count_error", "param_at"]

NO_FINAL: Final = object()
"""Stands for the absence of a value from the stage before."""


class Call(Protocol):
    """Evaluates with a dot and the value from the stage before."""

    def __call__(self, state: State, dot: Value, final: Value = ..., /) -> Value:
        """The value."""


def count_error(function: Function, given: int, has_final: bool) -> str | None:
    """What is wrong with the number of arguments; None when it is right."""
    total = given + has_final
    fixed = len(function.params)
    if function.variadic is not None:
        if total < fixed:
            return f"wrong number of args for {function.name}: want at least {fixed} got {given}"
    elif total != fixed:
        return f"wrong number of args for {function.name}: want {fixed} got {total}"
    return None


def param_at(function: Function, index: int) -> Param:
    """The type of the argument at an index."""
    if index < len(function.params):
        return function.params[index]
    return function.variadic or Param.ANY


def checked_call(state: State, function: Function, node: nodes.Node, values: Sequence[Any]) -> Value:
    """Call with arguments that fit.

    Raises:
        ExecError: the function failed; the place is that of `node`.
    """
    try:
        result = function.call(state.budget, *values) if function.needs_budget else function.call(*values)
    except LimitError as error:
        raise limit_reached(state, node, error) from error
    except RecursionError:
        raise
    except FunctionError as error:
        state.node = node
        raise ExecError(state.template, node, f"error calling {function.name}: {error}") from error
    except Exception as error:  # noqa: BLE001 - Go turns a function's panic into its failure as well
        state.node = node
        # The text of a foreign exception can hold an argument; its class cannot.
        raise ExecError(state.template, node, f"error calling {function.name}: {type(error).__name__}") from None
    if type(result) is str:
        if not result.isascii():
            result = normalized(result)
        _charge(state, node, len(result))
    elif isinstance(result, list):
        _charge(state, node, 8 * len(result))
    return result


def _charge(state: State, node: nodes.Node, size: int) -> None:
    try:
        state.budget.spend(size)
    except LimitError as error:
        raise limit_reached(state, node, error) from error
