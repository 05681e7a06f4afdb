"""Access to fields: keys of maps, methods and fields of objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from eso.template.gotext import nodes
from eso.template.gotext.arguments import accept
from eso.template.gotext.calls import NO_FINAL, checked_call, count_error, param_at
from eso.template.gotext.function import Function
from eso.template.gotext.quote import quote
from eso.template.gotext.state import Expression, MissingKey, State, failure
from eso.template.gotext.values import MISSING, GoObject, Value, sorted_keys, type_of, zero_element

__all__ = ["Receiver"]

_KEYS_SHOWN: Final = 30

CompileArguments = Callable[[Function, Sequence[nodes.Node]], list[Expression]]


class Receiver:
    """A chain of field names after something, with the arguments of the last one."""

    __slots__ = ("_args", "_compile", "_compiled", "_names", "_node")

    def __init__(
        self, compile_arguments: CompileArguments, node: nodes.Node, names: Sequence[str], args: Sequence[nodes.Node]
    ) -> None:
        self._compile = compile_arguments
        self._node = node
        self._names = names
        self._args = args[1:]
        self._compiled: dict[Function, list[Expression]] = {}

    def chain(self, state: State, dot: Value, value: Value, final: Value) -> Value:
        """Follow the names from `value` on.

        Raises:
            ExecError: there is no such key, field or method.
        """
        *path, last = self._names
        inside = False
        for name in path:
            value, inside = self._step(state, dot, value, name, inside), type(value) is dict
        return self._step(state, dot, value, last, inside, final=final, is_last=True)

    def _step(
        self,
        state: State,
        dot: Value,
        value: Value,
        name: str,
        inside: bool,
        *,
        final: Value = NO_FINAL,
        is_last: bool = False,
    ) -> Value:
        if value is MISSING:
            if state.missing is MissingKey.ERROR:
                raise failure(state, f"nil data; no entry for key {quote(name)}")
            return MISSING
        if value is None:
            raise failure(state, f"nil pointer evaluating interface {{}}.{name}")
        args = self._args if is_last else ()
        has_args = bool(args) or final is not NO_FINAL
        if isinstance(value, dict):
            if has_args:
                raise failure(state, f"{name} is not a method but has arguments")
            return value[name] if name in value else _absent(state, value, name)
        if isinstance(value, GoObject):
            method = value.methods.get(name)
            if method is not None:
                return self._invoke(state, dot, value, method, args, final)
            found = value.fields().get(name)
            if found is not None:
                if has_args:
                    raise failure(state, f"{name} has arguments but cannot be invoked as function")
                return found
        raise failure(state, f"can't evaluate field {name} in type {'interface {}' if inside else type_of(value)}")

    def _invoke(
        self, state: State, dot: Value, value: Value, method: Function, args: Sequence[nodes.Node], final: Value
    ) -> Value:
        piped = final is not NO_FINAL
        problem = count_error(method, len(args), piped)
        if problem is not None:
            raise failure(state, problem)
        if args and method not in self._compiled:
            self._compiled[method] = self._compile(method, args)
        values = [value]
        if args:
            for argument in self._compiled[method]:
                values.append(argument(state, dot))
        if piped:
            values.append(accept(state, final, param_at(method, len(args))))
        return checked_call(state, method, self._node, values)


def _absent(state: State, value: dict[str, Value], name: str) -> Value:
    """What a key gives that the map lacks."""
    if state.missing is MissingKey.DEFAULT:
        return MISSING
    if state.missing is MissingKey.ZERO:
        return zero_element(value)
    keys = sorted_keys(value)
    shown = ", ".join([quote(key) for key in keys[:_KEYS_SHOWN]]) + (", ..." if len(keys) > _KEYS_SHOWN else "")
    hint = f"keys that exist: {shown}" if keys else "there are no keys"
    raise failure(state, f"map has no entry for key {quote(name)} ({hint})")
