"""Syntax trees of whole templates to closures: text, actions, control structures, calls of templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from eso.template.gotext import nodes
from eso.template.gotext.expressions import ExpressionCompiler
from eso.template.gotext.function import Function
from eso.template.gotext.parser import Trees
from eso.template.gotext.quote import quote
from eso.template.gotext.state import Body, Program, Signal, State, failure, limit_reached
from eso.template.gotext.values import (
    MISSING,
    GoObject,
    Int64,
    Uint8,
    Uint64,
    Value,
    byte_length,
    sorted_keys,
    to_text,
    truth,
    type_of,
)
from eso.template.limits import LimitError

__all__ = ["compile_trees"]


_INTEGERS: Final = (int, Int64, Uint8, Uint64)


def _shown(state: State, node: nodes.Node, value: Value) -> str:
    if value is MISSING:
        return "<no value>"
    try:
        return to_text(value, state.budget)
    except LimitError as error:
        raise limit_reached(state, node, error) from error


def _count(state: State, node: nodes.Node, steps: int) -> None:
    try:
        state.budget.step(steps)
    except LimitError as error:
        raise limit_reached(state, node, error) from error


class _StatementCompiler:
    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.expressions = ExpressionCompiler(functions)
        self.nodes = 0

    def body(self, nodes_: nodes.ListNode) -> Body:
        steps = [self.statement(node) for node in nodes_.nodes]
        self.nodes += len(steps)
        if len(steps) == 1:
            return steps[0]

        def run(state: State, dot: Value) -> Signal | None:
            for step in steps:
                signal = step(state, dot)
                if signal is not None:
                    return signal
            return None

        return run

    def statement(self, node: nodes.Node) -> Body:
        if isinstance(node, nodes.Text):
            return self.text(node)
        if isinstance(node, nodes.Action):
            return self.action(node)
        if isinstance(node, nodes.Branch):
            return self.range(node) if node.keyword == "range" else self.condition(node)
        if isinstance(node, nodes.TemplateCall):
            return self.call(node)
        signal = Signal.BREAK if isinstance(node, nodes.Break) else Signal.CONTINUE
        return lambda state, dot: signal

    def text(self, node: nodes.Text) -> Body:
        text = node.text
        size = byte_length(text)

        def run(state: State, dot: Value) -> None:
            budget = state.budget
            budget.room -= size
            if budget.room < 0:
                raise limit_reached(state, node, budget.output_exhausted())
            state.out.append(text)

        return run

    def action(self, node: nodes.Action) -> Body:
        pipe = self.expressions.pipe(node.pipe)
        if node.pipe.decl:

            def declare(state: State, dot: Value) -> None:
                pipe(state, dot)

            return declare

        def run(state: State, dot: Value) -> None:
            value = pipe(state, dot)
            text = value if type(value) is str else _shown(state, node, value)
            budget = state.budget
            budget.room -= len(text) if text.isascii() else byte_length(text)
            if budget.room < 0:
                raise limit_reached(state, node, budget.output_exhausted())
            state.out.append(text)

        return run

    def condition(self, node: nodes.Branch) -> Body:
        before = self.expressions.declarations
        pipe = self.expressions.pipe(node.pipe)
        body = self.body(node.body)
        otherwise = self.body(node.otherwise) if node.otherwise is not None else None
        sets_dot = node.keyword == "with"

        def run(state: State, dot: Value) -> Signal | None:
            value = pipe(state, dot)
            if truth(value):
                return body(state, value if sets_dot else dot)
            return otherwise(state, dot) if otherwise is not None else None

        return run if self.expressions.declarations == before else _scoped(run)

    def range(self, node: nodes.Branch) -> Body:
        before = self.expressions.declarations
        pipe = self.expressions.pipe(node.pipe)
        in_pipe = self.expressions.declarations
        nodes_before = self.nodes
        body = self.body(node.body)
        steps = 1 + self.nodes - nodes_before
        declares = self.expressions.declarations > in_pipe
        otherwise = self.body(node.otherwise) if node.otherwise is not None else None
        names = [variable.ident[0] for variable in node.pipe.decl]
        index_name = names[0] if len(names) > 1 and names[0] != names[1] else None
        element_name = names[-1] if names else None

        def run(state: State, dot: Value) -> Signal | None:
            value = pipe(state, dot)
            pairs = _pairs(state, value, len(names))
            variables = state.variables
            mark = state.mark()
            signal: Signal | None = None
            ran = False
            for index, element in pairs:
                ran = True
                _count(state, node, steps)
                if index_name is not None:
                    variables[index_name] = index
                if element_name is not None:
                    variables[element_name] = element
                signal = body(state, element)
                if declares:
                    state.pop(mark)
                if signal is Signal.BREAK:
                    break
            if ran or otherwise is None:
                return None
            # Go ends the inner loop, not the outer one, at a break in this else part.
            signal = otherwise(state, dot)
            return None if signal is Signal.BREAK else signal

        return run if self.expressions.declarations == before else _scoped(run)

    def call(self, node: nodes.TemplateCall) -> Body:
        name = node.name
        pipe = self.expressions.pipe(node.pipe) if node.pipe is not None else None

        def run(state: State, dot: Value) -> None:
            state.node = node
            program = state.programs.get(name)
            if program is None:
                raise failure(state, f"template {quote(name)} not defined")
            limit = state.budget.limits.depth
            if state.depth >= limit:
                raise limit_reached(state, node, LimitError(f"exceeded maximum template depth ({limit})"))
            _count(state, node, 1)
            data = pipe(state, dot) if pipe is not None else MISSING
            program.body(state.called(name, program.root, data), data)

        return run


def _scoped(body: Body) -> Body:
    """Forget the variables that the body declares."""

    def run(state: State, dot: Value) -> Signal | None:
        mark = state.mark()
        signal: Signal | None = body(state, dot)
        state.pop(mark)
        return signal

    return run


def _pairs(state: State, value: Value, names: int) -> Iterable[tuple[Value, Value]]:
    """What a range goes through: index or key, and element."""
    if isinstance(value, list):
        return enumerate(value)
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted_keys(value)]
    if value is MISSING:
        return ()
    is_object = isinstance(value, GoObject) and value.kind in ("int", "int64")
    if is_object or type(value) in _INTEGERS:
        if names > 1:
            raise failure(state, "can't use a number to iterate over more than one variable")
        # The elements have the type of the number; durations and months are made from one as well.
        element: Callable[[int], Value] = type(value)
        return ((None, element(number)) for number in range(value.number() if is_object else value))
    raise failure(state, f"range can't iterate over a value of type {type_of(value)}")


def compile_trees(trees: Trees, functions: Mapping[str, Function]) -> dict[str, Program]:
    """All templates of a source, ready to run."""
    return {name: Program(root, _StatementCompiler(functions).body(root)) for name, root in trees.items()}
