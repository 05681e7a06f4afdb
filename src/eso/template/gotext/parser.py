"""Tokens to syntax trees.

One source gives one tree per template in it: the main one and each `define` and `block`.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from eso.template.gotext import nodes
from eso.template.gotext.lexer import Token
from eso.template.gotext.operands import Operands
from eso.template.gotext.quote import quote, unquote
from eso.template.gotext.tokenstream import ParseError, TokenStream
from eso.template.gotext.values import GO_SPACE
from eso.template.limits import DEFAULT_LIMITS, Limits

__all__ = ["Trees", "parse"]

Trees = dict[str, nodes.ListNode]
"""Template names and their bodies."""


@dataclass(slots=True, eq=False)
class _End(nodes.Node):
    """`{{end}}` or `{{else}}`."""

    keyword: str

    def source(self) -> str:
        return f"{{{{{self.keyword}}}}}"


def _is_empty(node: nodes.Node) -> bool:
    """Whether a body is nothing but blanks."""
    if isinstance(node, nodes.ListNode):
        return all(_is_empty(inner) for inner in node.nodes)
    return isinstance(node, nodes.Text) and not node.text.strip(GO_SPACE)


class _Tree:
    """Parser of one template; the ones inside it get a parser of their own and share the tokens."""

    def __init__(self, stream: TokenStream, names: Container[str], limits: Limits, trees: Trees) -> None:
        self.stream = stream
        self.names = names
        self.limits = limits
        self.trees = trees
        self.operands = Operands(stream, names, limits)
        self.ranges = 0
        self.nesting = 0

    def unexpected(self, token: Token, context: str) -> ParseError:
        return self.stream.unexpected(token, context, self.operands.action_line)

    def inner(self) -> _Tree:
        return _Tree(self.stream, self.names, self.limits, self.trees)

    def add(self, name: str, body: nodes.ListNode) -> None:
        """Add a tree; an empty one never replaces another."""
        known = self.trees.get(name)
        if known is None or _is_empty(known):
            self.trees[name] = body
        elif not _is_empty(body):
            raise self.stream.error(f"template: multiple definition of template {quote(name)}")

    def main(self, name: str) -> None:
        stream = self.stream
        body = nodes.ListNode(stream.peek().pos)
        while stream.peek().kind != "EOF":
            if stream.peek().kind == "left":
                start = stream.index
                stream.next()
                if stream.next_word().kind == "define":
                    self.inner().definition()
                    continue
                stream.index = start
            node = self.text_or_action()
            if isinstance(node, _End):
                raise stream.error(f"unexpected {node.source()}")
            body.nodes.append(node)
        self.add(name, body)

    def definition(self) -> None:
        context = "define clause"
        name = self.name_of(self.stream.expect("string", "rawstring", context=context))
        self.stream.expect("right", context=context)
        self.add(name, self.closed_body(context))

    def name_of(self, token: Token) -> str:
        try:
            return unquote(token.value)
        except ValueError as error:
            raise self.stream.error(str(error)) from error

    def template_name(self, context: str) -> tuple[int, str]:
        token = self.stream.next_word()
        if token.kind not in ("string", "rawstring"):
            raise self.unexpected(token, context)
        return token.pos, self.name_of(token)

    def closed_body(self, context: str) -> nodes.ListNode:
        body, end = self.body()
        if end.keyword != "end":
            raise self.stream.error(f"unexpected {end.source()} in {context}")
        return body

    def body(self) -> tuple[nodes.ListNode, _End]:
        """Nodes up to an end or else, and that."""
        self.nesting += 1
        if self.nesting > self.limits.nesting:
            raise self.stream.error(f"more than {self.limits.nesting} control structures inside each other")
        stream = self.stream
        body = nodes.ListNode(stream.peek_word().pos)
        while True:
            if stream.peek_word().kind == "EOF":
                raise stream.error("unexpected EOF")
            node = self.text_or_action()
            if isinstance(node, _End):
                self.nesting -= 1
                return body, node
            body.nodes.append(node)

    def text_or_action(self) -> nodes.Node:
        token = self.stream.next_word()
        if token.kind == "text":
            return nodes.Text(token.pos, token.value)
        if token.kind != "left":
            raise self.unexpected(token, "input")
        self.operands.action_line = token.line
        try:
            return self.action()
        finally:
            self.operands.action_line = 0

    def action(self) -> nodes.Node:
        stream = self.stream
        token = stream.next_word()
        if token.kind in ("if", "with", "range"):
            return self.control(token.kind)
        if token.kind in ("break", "continue"):
            return self.loop_exit(token)
        if token.kind == "end":
            return _End(stream.expect("right", context="end").pos, "end")
        if token.kind == "else":
            return self.otherwise()
        if token.kind == "template":
            return self.template_call()
        if token.kind == "block":
            return self.block()
        stream.back()
        pos = stream.peek().pos
        return nodes.Action(pos, self.operands.pipeline("command", "right"))

    def loop_exit(self, token: Token) -> nodes.Node:
        context = f"{{{{{token.kind}}}}}"
        follow = self.stream.next_word()
        if follow.kind != "right":
            raise self.unexpected(follow, context)
        if not self.ranges:
            raise self.stream.error(f"{context} outside {{{{range}}}}")
        return nodes.Break(token.pos) if token.kind == "break" else nodes.Continue(token.pos)

    def otherwise(self) -> _End:
        follow = self.stream.peek_word()
        if follow.kind in ("if", "with"):
            return _End(follow.pos, "else")
        return _End(self.stream.expect("right", context="else").pos, "else")

    def control(self, keyword: str) -> nodes.Branch:
        variables = len(self.operands.variables)
        pipe = self.operands.pipeline(keyword, "right")
        self.ranges += keyword == "range"
        body, end = self.body()
        self.ranges -= keyword == "range"
        otherwise = None
        if end.keyword == "else":
            otherwise = self.else_body(keyword, end)
        del self.operands.variables[variables:]
        return nodes.Branch(pipe.pos, keyword, pipe, body, otherwise)

    def else_body(self, keyword: str, end: _End) -> nodes.ListNode:
        """The rest of a control structure; `else if` and `else with` are one inside the else part."""
        if keyword != "range" and self.stream.peek().kind == keyword:
            self.stream.next()
            self.nesting += 1
            if self.nesting > self.limits.nesting:
                raise self.stream.error(f"more than {self.limits.nesting} control structures inside each other")
            inner = self.control(keyword)
            self.nesting -= 1
            return nodes.ListNode(end.pos, [inner])
        body, follow = self.body()
        if follow.keyword != "end":
            raise self.stream.error(f"expected end; found {follow.source()}")
        return body

    def template_call(self) -> nodes.TemplateCall:
        context = "template clause"
        pos, name = self.template_name(context)
        if self.stream.next_word().kind == "right":
            return nodes.TemplateCall(pos, name, None)
        self.stream.back()
        return nodes.TemplateCall(pos, name, self.operands.pipeline(context, "right"))

    def block(self) -> nodes.TemplateCall:
        context = "block clause"
        pos, name = self.template_name(context)
        pipe = self.operands.pipeline(context, "right")
        inner = self.inner()
        inner.nesting = self.nesting
        inner.add(name, inner.closed_body(context))
        return nodes.TemplateCall(pos, name, pipe)


def parse(
    name: str,
    tokens: list[Token],
    names: Container[str],
    limits: Limits = DEFAULT_LIMITS,
) -> Trees:
    """The templates in a source; the main one is called `name`.

    Args:
        name: of the main template; a `define` with the same name supplies its body.
        tokens: of the source.
        names: the functions that exist.
        limits: of nesting.

    Raises:
        ParseError: the source is malformed.
        RecursionError: it nests deeper than the interpreter's stack allows.
    """
    trees: Trees = {}
    _Tree(TokenStream(tokens), names, limits, trees).main(name)
    return trees
