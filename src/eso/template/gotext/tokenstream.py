"""Tokens with look-ahead, and the error a parser raises."""

from __future__ import annotations

from eso.template.gotext.lexer import Kind, Token

__all__ = ["ParseError", "TokenStream"]


class ParseError(Exception):
    """The source is no template.

    Attributes:
        detail: what is wrong; it quotes the source.
        line: from 1.
    """

    def __init__(self, detail: str, line: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.line = line


class TokenStream:
    """The tokens of one source.

    Attributes:
        index: the next token.
    """

    __slots__ = ("_furthest", "_tokens", "index")

    def __init__(self, tokens: list[Token]) -> None:
        # The last token, EOF or an error, is there to be looked at again.
        self._tokens = [*tokens, *tokens[-1:] * 3]
        self._furthest = 0
        self.index = 0

    def next(self) -> Token:
        """Take a token."""
        at = self.index
        self.index = at + 1
        if at > self._furthest:
            self._furthest = at
        return self._tokens[at]

    def back(self) -> None:
        """Put the token back."""
        self.index -= 1

    def peek(self) -> Token:
        """The next token, not taken."""
        at = self.index
        if at > self._furthest:
            self._furthest = at
        return self._tokens[at]

    def skip_space(self) -> None:
        """Take the blanks that come next."""
        tokens, at = self._tokens, self.index
        while tokens[at].kind == "space":
            at += 1
        self.index = at
        if at > self._furthest:
            self._furthest = at

    def next_word(self) -> Token:
        """Take the next token that is not blank."""
        self.skip_space()
        return self.next()

    def peek_word(self) -> Token:
        """Take blanks, and look at what follows them."""
        self.skip_space()
        return self.peek()

    def error(self, detail: str) -> ParseError:
        """The error at the line read last."""
        return ParseError(detail, self._tokens[self._furthest].line)

    def unexpected(self, token: Token, context: str, action_line: int = 0) -> ParseError:
        """The error about a token out of place, or about the lexer's error."""
        if token.kind != "error":
            return self.error(f"unexpected {token} in {context}")
        extra = ""
        if action_line not in (0, token.line):
            started = "started at" if token.value.endswith(" action") else "in action started at"
            extra = f" {started} line {action_line}"
        return self.error(token.value + extra)

    def expect(self, *kinds: Kind, context: str) -> Token:
        """Take the next token that is not blank, which must be of one of the kinds."""
        token = self.next_word()
        if token.kind not in kinds:
            raise self.unexpected(token, context)
        return token
