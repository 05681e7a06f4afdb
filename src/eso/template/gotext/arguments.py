"""Whether a value or a literal may be passed as an argument of some Go type, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from eso.template.gotext import nodes
from eso.template.gotext.function import Param
from eso.template.gotext.state import State, failure
from eso.template.gotext.values import (
    MISSING,
    Int64,
    NilList,
    NilMap,
    Uint8,
    Value,
    type_of,
)

__all__ = ["LiteralError", "accept", "constant", "literal", "nil_of"]

_EXACT: Final[dict[Param, tuple[type, ...]]] = {
    Param.STRING: (str,),
    Param.INT: (int,),
    Param.INT64: (Int64,),
    Param.UINT8: (Uint8,),
    Param.UINT32: (),
    Param.UINT64: (),
    Param.FLOAT64: (float,),
    Param.BOOL: (bool,),
    Param.DICT: (dict, NilMap),
    Param.LIST: (list, NilList),
    Param.NAMED_STRING: (),
}
"""Python types of the values each parameter takes; what is not here is an object of the type named by the parameter."""

_FREE: Final = (Param.ANY, Param.VALUE)
_BITS: Final = {Param.UINT8: 8, Param.UINT32: 32, Param.UINT64: 64}


class LiteralError(Exception):
    """A literal does not fit; the text is what Go says when it gets there."""


def accept(state: State, value: Value, param: Param) -> Value:
    """The value as the function gets it.

    Raises:
        ExecError: it is of another type.
    """
    if param is Param.VALUE:
        return value
    if param is Param.ANY:
        return None if value is MISSING else value
    exact = _EXACT.get(param)
    if type(value) in exact if exact is not None else getattr(value, "go_type", "") == param.value:
        return value
    if value is MISSING:
        if param is Param.DICT:
            return NilMap()
        if param is Param.LIST:
            return NilList()
        raise failure(state, f"invalid value; expected {param.value}")
    got = "interface {}" if value is None else type_of(value)
    raise failure(state, f"wrong type for value; expected {param.value}; got {got}")


def nil_of(param: Param) -> Value:
    """What the word `nil` means as an argument.

    Raises:
        LiteralError: nothing.
    """
    if param is Param.ANY:
        return None
    if param is Param.VALUE:
        return MISSING
    if param is Param.DICT:
        return NilMap()
    if param is Param.LIST:
        return NilList()
    raise LiteralError(f"cannot assign nil to {param.value}")


def constant(number: nodes.Number) -> Value:
    """The value of a number where any type will do: its spelling decides.

    Raises:
        LiteralError: it fits no int.
    """
    text = number.text
    if number.as_complex is not None:
        return number.as_complex
    looks_like_float = text[:1] != "'" and not _is_hex_integer(text) and any(char in text for char in ".eEpP")
    if number.as_float is not None and looks_like_float:
        return number.as_float
    if number.as_int is None:
        raise LiteralError(f"{text} overflows int")
    return number.as_int


def _is_hex_integer(text: str) -> bool:
    return len(text) > 2 and text[:2] in ("0x", "0X") and not any(char in text for char in "pP")


def _as_bool(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Bool):
        return node.value
    raise LiteralError(f"expected bool; found {node.source()}")


def _as_string(node: nodes.Node) -> str:
    if isinstance(node, nodes.StringNode):
        return node.value
    raise LiteralError(f"expected string; found {node.source()}")


def _as_integer(node: nodes.Node) -> int:
    if isinstance(node, nodes.Number) and node.as_int is not None:
        return node.as_int
    raise LiteralError(f"expected integer; found {node.source()}")


def _as_int64(node: nodes.Node) -> Int64:
    return Int64(_as_integer(node))


def _as_unsigned(bits: int) -> Callable[[nodes.Node], int]:
    def convert(node: nodes.Node) -> int:
        if isinstance(node, nodes.Number) and node.as_uint is not None:
            return node.as_uint % (1 << bits)
        raise LiteralError(f"expected unsigned integer; found {node.source()}")

    return convert


def _as_float(node: nodes.Node) -> float:
    if isinstance(node, nodes.Number) and node.as_float is not None:
        return node.as_float
    raise LiteralError(f"expected float; found {node.source()}")


_LITERALS: Final[dict[Param, Callable[[nodes.Node], Any]]] = {
    Param.BOOL: _as_bool,
    Param.STRING: _as_string,
    Param.NAMED_STRING: _as_string,
    Param.INT: _as_integer,
    Param.INT64: _as_int64,
    Param.DURATION: _as_int64,
    Param.FLOAT64: _as_float,
    **{param: _as_unsigned(bits) for param, bits in _BITS.items()},
}


def literal(node: nodes.Node, param: Param) -> Value:
    """The value of a literal as an argument.

    Raises:
        LiteralError: it does not fit; the text is what Go says when it gets there.
    """
    if isinstance(node, nodes.Nil):
        return nil_of(param)
    if param in _FREE:
        if isinstance(node, nodes.Number):
            return constant(node)
        if isinstance(node, (nodes.Bool, nodes.StringNode)):
            return node.value
    convert = _LITERALS.get(param)
    if convert is None:
        raise LiteralError(f"can't handle {node.source()} for arg of type {param.value}")
    return convert(node)
