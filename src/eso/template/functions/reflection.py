"""Functions on the types of values."""

from __future__ import annotations

from typing import Final

from eso.template.functions.equality import deep_equal
from eso.template.gotext.function import Function, Param
from eso.template.gotext.values import Value, kind_of, type_of

__all__ = ["TABLE"]


def type_is(name: str, value: Value) -> bool:
    """Whether the value has the type of that name."""
    return type_of(value) == name


def type_is_like(name: str, value: Value) -> bool:
    """Whether the value has the type of that name, or points to one."""
    return type_of(value) in (name, "*" + name)


def kind_is(name: str, value: Value) -> bool:
    """Whether the value has the kind of that name."""
    return kind_of(value) == name


_A: Final = Param.ANY

TABLE: Final = (
    Function("typeOf", type_of, (_A,)),
    Function("typeIs", type_is, (Param.STRING, _A)),
    Function("typeIsLike", type_is_like, (Param.STRING, _A)),
    Function("kindOf", kind_of, (_A,)),
    Function("kindIs", kind_is, (Param.STRING, _A)),
    Function("deepEqual", deep_equal, (_A, _A)),
)
