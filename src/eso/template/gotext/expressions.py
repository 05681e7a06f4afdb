"""Syntax trees of pipelines to closures.

Each closure notes the node it is at where Go does, so that errors name the same place. The closures take the state, the
dot, and the value piped in from the stage before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eso.template.gotext import nodes
from eso.template.gotext.arguments import LiteralError, accept, literal
from eso.template.gotext.calls import NO_FINAL, Call, checked_call, count_error, param_at
from eso.template.gotext.fields import Receiver
from eso.template.gotext.function import Function, Param
from eso.template.gotext.state import Expression, State, failure
from eso.template.gotext.values import MISSING, StringMap, Value, truth

__all__ = ["ExpressionCompiler"]

_MAPS = (StringMap, dict)


def _raiser(node: nodes.Node, detail: str) -> Call:
    def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
        state.node = node
        raise failure(state, detail)

    return run


def _refuser(place: nodes.Node | None, node: nodes.Node) -> Call:
    """Fails because something was passed to what is no function."""

    def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
        state.node = place or state.node
        raise failure(state, f"can't give argument to non-function {node.source()}")

    return run


class ExpressionCompiler:
    """Compiles the pipelines of one source.

    Attributes:
        functions: what can be called.
        declarations: how many variable declarations were compiled so far.
    """

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.declarations = 0

    def pipe(self, pipe: nodes.Pipe) -> Expression:
        """A pipeline; a result of nil is no value afterwards."""
        first, *rest = [self._command(pipe, command, index > 0) for index, command in enumerate(pipe.cmds)]
        if not rest:
            value = self._single(pipe, first)
        else:

            def value(state: State, dot: Value) -> Value:
                result = first(state, dot)
                for stage in rest:
                    result = stage(state, dot, MISSING if result is None else result)
                return MISSING if result is None else result

        return self._declare(pipe, value) if pipe.decl else value

    def _single(self, pipe: nodes.Pipe, first: Call) -> Expression:
        words = pipe.cmds[0].args
        if len(words) == 1 and isinstance(words[0], nodes.Pipe):
            return first  # parentheses around the whole: nothing is nil any more

        def value(state: State, dot: Value) -> Value:
            result = first(state, dot)
            return MISSING if result is None else result

        return value

    def _declare(self, pipe: nodes.Pipe, value: Expression) -> Expression:
        names = [variable.ident[0] for variable in pipe.decl]
        if pipe.is_assign:

            def assign(state: State, dot: Value) -> Value:
                result = value(state, dot)
                for name in names:
                    if name not in state.variables:
                        raise failure(state, f"undefined variable: {name}")
                    state.variables[name] = result
                return result

            return assign
        self.declarations += 1

        def declare(state: State, dot: Value) -> Value:
            result = value(state, dot)
            for name in names:
                state.push(name, result)
            return result

        return declare

    def _command(self, pipe: nodes.Pipe, command: nodes.Command, piped: bool) -> Call:
        first = command.args[0]
        if isinstance(first, nodes.Field):
            return self._field(first, command.args)
        if isinstance(first, nodes.Identifier):
            return self._function(first, command, command.args[1:], piped)
        if isinstance(first, nodes.Variable):
            return self._variable(first, command.args)
        if isinstance(first, nodes.Chain):
            return self._chain(first, command.args)
        if len(command.args) > 1 or piped:
            # Go has not moved to the parentheses yet when it sees that something was passed to them.
            place = first if not isinstance(first, nodes.Pipe) else None if piped else pipe
            return _refuser(place, first)
        if isinstance(first, nodes.Pipe):
            return self._parentheses(first)
        return self._word(first)

    def _parentheses(self, pipe: nodes.Pipe) -> Call:
        inner = self.pipe(pipe)

        def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
            return inner(state, dot)

        return run

    def _word(self, node: nodes.Node) -> Call:
        if isinstance(node, nodes.Dot):

            def dot_value(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
                state.node = node
                return dot

            return dot_value
        if isinstance(node, nodes.Nil):
            return _raiser(node, "nil is not a command")
        try:
            value = literal(node, Param.ANY)
        except LiteralError as error:
            return _raiser(node, str(error))

        def word(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
            state.node = node
            return value

        return word

    def _field(self, node: nodes.Field, args: Sequence[nodes.Node]) -> Call:
        receiver = Receiver(self.arguments, node, node.ident, args)
        if len(node.ident) > 1:

            def chain(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
                state.node = node
                return receiver.chain(state, dot, dot, final)

            return chain
        name = node.ident[0]
        plain = len(args) == 1

        def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
            state.node = node
            if plain and final is NO_FINAL and type(dot) in _MAPS:
                value = dot.get(name, MISSING)
                if value is not MISSING:
                    return value
            return receiver.chain(state, dot, dot, final)

        return run

    def _variable(self, node: nodes.Variable, args: Sequence[nodes.Node]) -> Call:
        name = node.ident[0]
        if len(node.ident) > 1:
            receiver = Receiver(self.arguments, node, node.ident[1:], args)
            key = node.ident[1] if len(node.ident) == 2 and len(args) == 1 else None

            def chain(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
                state.node = node
                if name not in state.variables:
                    raise failure(state, f"undefined variable: {name}")
                value = state.variables[name]
                if key is not None and final is NO_FINAL and type(value) in _MAPS:
                    found = value.get(key, MISSING)
                    if found is not MISSING:
                        return found
                return receiver.chain(state, dot, value, final)

            return chain
        has_args = len(args) > 1

        def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
            state.node = node
            if name not in state.variables:
                raise failure(state, f"undefined variable: {name}")
            if has_args or final is not NO_FINAL:
                raise failure(state, f"can't give argument to non-function {node.source()}")
            return state.variables[name]

        return run

    def _chain(self, node: nodes.Chain, args: Sequence[nodes.Node]) -> Call:
        receiver = Receiver(self.arguments, node, node.fields, args)
        inner = self._operand(node.node)

        def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
            state.node = node
            return receiver.chain(state, dot, inner(state, dot), final)

        return run

    def _operand(self, node: nodes.Node) -> Expression:
        """An argument that is no literal, before its type is checked."""
        if isinstance(node, nodes.Pipe):
            return self.pipe(node)
        if isinstance(node, nodes.Identifier):
            return self._function(node, node, (), False)
        if isinstance(node, nodes.Field):
            return self._field(node, [node])
        if isinstance(node, nodes.Variable):
            return self._variable(node, [node])
        if isinstance(node, nodes.Chain):
            return self._chain(node, [node])
        return self._word(node)

    def argument(self, node: nodes.Node, param: Param) -> Expression:
        """An argument for a parameter: literals are converted now, values are checked when they come."""
        if isinstance(node, (nodes.Bool, nodes.Nil, nodes.Number, nodes.StringNode)):
            return self._literal(node, param)
        inner = self._operand(node)
        if param is Param.VALUE:
            return inner
        if param is Param.ANY:

            def any_value(state: State, dot: Value) -> Value:
                value = inner(state, dot)
                return None if value is MISSING else value

            return any_value
        if param is Param.STRING:

            def string(state: State, dot: Value) -> Value:
                value = inner(state, dot)
                return value if type(value) is str else accept(state, value, param)

            return string

        def typed(state: State, dot: Value) -> Value:
            return accept(state, inner(state, dot), param)

        return typed

    def _literal(self, node: nodes.Node, param: Param) -> Expression:
        try:
            value = literal(node, param)
        except LiteralError as error:
            return _raiser(node, str(error))

        def run(state: State, dot: Value) -> Value:
            state.node = node
            return value

        return run

    def arguments(self, function: Function, args: Sequence[nodes.Node]) -> list[Expression]:
        """The arguments of a call."""
        return [self.argument(node, param_at(function, index)) for index, node in enumerate(args)]

    def _function(self, ident: nodes.Identifier, node: nodes.Node, args: Sequence[nodes.Node], piped: bool) -> Call:
        function = self.functions[ident.name]
        problem = count_error(function, len(args), piped)
        if problem is not None:
            return _raiser(ident, problem)
        arguments = self.arguments(function, args)
        if function.short_circuit is not None:
            return _short_circuit(ident, arguments, function.short_circuit)
        final_param = param_at(function, len(args))
        if piped:

            def run_piped(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
                state.node = ident
                values = []
                for argument in arguments:
                    values.append(argument(state, dot))
                values.append(accept(state, final, final_param))
                return checked_call(state, function, node, values)

            return run_piped

        def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
            state.node = ident
            values = []
            for argument in arguments:
                values.append(argument(state, dot))
            return checked_call(state, function, node, values)

        return run


def _short_circuit(ident: nodes.Identifier, arguments: Sequence[Expression], stop: bool) -> Call:
    """`and` and `or`: the first argument with the truth value that decides, else the last one."""

    def run(state: State, dot: Value, final: Value = NO_FINAL) -> Value:
        state.node = ident
        value: Value = MISSING
        for argument in arguments:
            value = argument(state, dot)
            if truth(value) is stop:
                return value
        return value if final is NO_FINAL else final

    return run
