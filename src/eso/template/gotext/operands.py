"""The inside of actions to syntax trees: pipelines, commands, operands."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from eso.template.gotext import nodes
from eso.template.gotext.lexer import Kind, Token
from eso.template.gotext.literals import char_literal, complex_literal, number_literal
from eso.template.gotext.quote import quote, unquote
from eso.template.gotext.tokenstream import ParseError, TokenStream
from eso.template.limits import Limits

__all__ = ["Operands"]

_OPERAND_STARTS: Final = frozenset(
    (
        "(", "bool", "charconst", "complex", "dot", "field", "identifier", "nil", "number", "rawstring", "string", "variable",
    )
)  # fmt: skip
_NOT_EXECUTABLE: Final = (nodes.Bool, nodes.Dot, nodes.Nil, nodes.Number, nodes.StringNode)
_NUMBERS: Final = {"charconst": char_literal, "complex": complex_literal, "number": number_literal}


class Operands:
    """Parser of one tree's pipelines.

    Attributes:
        stream: the tokens, shared by all trees of a source.
        names: the functions that exist.
        variables: names declared so far, by block; `$` is always there.
        action_line: the line at which the current action started; 0 outside.
    """

    def __init__(self, stream: TokenStream, names: Container[str], limits: Limits) -> None:
        self.stream = stream
        self.names = names
        self.limits = limits
        self.variables = ["$"]
        self.action_line = 0
        self.parentheses = 0

    def unexpected(self, token: Token, context: str) -> ParseError:
        """The error about a token out of place."""
        return self.stream.unexpected(token, context, self.action_line)

    def pipeline(self, context: str, end: Kind) -> nodes.Pipe:
        """A pipeline and the token that ends it.

        Raises:
            ParseError: it is malformed.
        """
        stream = self.stream
        pipe = nodes.Pipe(stream.peek_word().pos)
        while self._declaration(pipe, context):
            pass
        while True:
            token = stream.next_word()
            if token.kind == end:
                self._check(pipe, context)
                return pipe
            if token.kind not in _OPERAND_STARTS:
                raise self.unexpected(token, context)
            stream.back()
            pipe.cmds.append(self._command())

    def _declaration(self, pipe: nodes.Pipe, context: str) -> bool:
        """Read `$x :=`, `$x =` or `$x,`; True when a second variable has to follow."""
        stream = self.stream
        variable = stream.peek_word()
        if variable.kind != "variable":
            return False
        start = stream.index
        stream.next()
        follow = stream.peek_word()
        is_comma = follow.kind == "char" and follow.value == ","
        if follow.kind not in ("assign", "declare") and not is_comma:
            stream.index = start
            return False
        stream.next()
        pipe.decl.append(nodes.Variable(variable.pos, variable.value.split(".")))
        self.variables.append(variable.value)
        if not is_comma:
            pipe.is_assign = follow.kind == "assign"
            return False
        if context != "range" or len(pipe.decl) == 2:
            raise stream.error(f"too many declarations in {context}")
        if stream.peek_word().kind not in ("variable", "right", ")"):
            raise stream.error("range can only initialize variables")
        return True

    def _check(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.cmds:
            raise self.stream.error(f"missing value for {context}")
        for stage, command in enumerate(pipe.cmds[1:], 2):
            if isinstance(command.args[0], _NOT_EXECUTABLE):
                raise self.stream.error(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        stream = self.stream
        command = nodes.Command(stream.peek_word().pos)
        while True:
            stream.skip_space()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = stream.next()
            if token.kind == "space":
                continue
            if token.kind in ("right", ")"):
                stream.back()
            elif token.kind != "pipe":
                raise self.unexpected(token, "operand")
            break
        if not command.args:
            raise stream.error("empty command")
        return command

    def _operand(self) -> nodes.Node | None:
        """A term and the fields after it; None when no term comes next."""
        stream = self.stream
        node = self._term()
        if node is None or stream.peek().kind != "field":
            return node
        pos = stream.peek().pos
        fields = []
        while stream.peek().kind == "field":
            fields.append(stream.next().value[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(pos, node.ident + fields)
        if isinstance(node, nodes.Variable):
            return nodes.Variable(pos, node.ident + fields)
        if isinstance(node, _NOT_EXECUTABLE):
            raise stream.error(f"unexpected . after term {quote(node.source())}")
        return nodes.Chain(pos, node, fields)

    def _term(self) -> nodes.Node | None:
        token = self.stream.next_word()
        kind, pos, text = token.kind, token.pos, token.value
        if kind == "field":
            return nodes.Field(pos, [text[1:]])
        if kind == "variable":
            return self._variable(pos, text)
        if kind == "identifier":
            if text not in self.names:
                raise self.stream.error(f"function {quote(text)} not defined")
            return nodes.Identifier(pos, text)
        if kind == "(":
            return self._parenthesized()
        return self._literal(token)

    def _literal(self, token: Token) -> nodes.Node | None:
        kind, pos, text = token.kind, token.pos, token.value
        if kind == "dot":
            return nodes.Dot(pos)
        if kind == "nil":
            return nodes.Nil(pos)
        if kind == "bool":
            return nodes.Bool(pos, text == "true")
        try:
            if kind in _NUMBERS:
                return _NUMBERS[kind](pos, text)
            if kind in ("string", "rawstring"):
                return nodes.StringNode(pos, text, unquote(text))
        except ValueError as error:
            raise self.stream.error(str(error)) from error
        self.stream.back()
        return None

    def _variable(self, pos: int, text: str) -> nodes.Variable:
        if text not in self.variables:
            raise self.stream.error(f"undefined variable {quote(text)}")
        return nodes.Variable(pos, [text])

    def _parenthesized(self) -> nodes.Pipe:
        if self.parentheses >= self.limits.parentheses:
            raise self.stream.error("max expression depth exceeded")
        self.parentheses += 1
        try:
            return self.pipeline("parenthesized pipeline", ")")
        finally:
            self.parentheses -= 1
