"""Calls of template functions and their outcomes in the written form of `govalues`."""

from __future__ import annotations

from typing import Any

from eso.template.functions import FUNCTIONS
from eso.template.gotext.function import FunctionError
from eso.template.limits import Budget
from tests.support.govalues import canonical, decode, encode


def outcome(name: str, args: list[Any], *, method: bool = False) -> dict[str, Any]:
    """What our function does: `result` and the `args` behind the call, or `failed`."""
    values = [decode(argument) for argument in args]
    function = type(values[0]).methods[name] if method else FUNCTIONS[name]
    try:
        result = function.call(Budget(), *values) if function.needs_budget else function.call(*values)
    except FunctionError:
        return {"failed": True}
    return comparable({"result": encode(result), "args": [encode(value) for value in values[method:]]})


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """An outcome with floats in one spelling and without the words of errors, which are our own."""
    if answer.get("failed"):
        return {"failed": True}
    return {"result": without_reason(canonical(answer.get("result"))), "args": canonical(answer.get("args") or [])}


def without_reason(result: Any) -> Any:
    """`fromYaml` tells of errors in its result."""
    if isinstance(result, dict) and [key for key, _ in result.get("map", [])] == ["Error"]:
        return {"map": [["Error", ""]]}
    return result
