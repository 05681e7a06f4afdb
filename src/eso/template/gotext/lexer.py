"""Source text of a template to tokens.

The first problem ends the list with an ERROR token, so that the parser reports whatever comes first in the source.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eso.template.gotext.quote import is_print, quote

__all__ = ["KEYWORDS", "Kind", "Token", "tokenize"]

Kind = str
"""What a token is: one of the words below, or a keyword."""

KEYWORDS: Final = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with")
)
_BLANKS: Final = " \t\r\n"
_BLANK: Final = frozenset(_BLANKS)
_DIGITS: Final = frozenset("0123456789")
_END: Final = ""
_NUMBER_FOLLOWS: Final = _DIGITS | {_END}
"""What makes a point the start of a number; at the end of the source it is a malformed one."""


@dataclass(slots=True, eq=False)
class Token:
    """A token: kind, offset in characters, source text (or the message of an error), line from 1."""

    kind: Kind
    pos: int
    value: str
    line: int

    def __str__(self) -> str:
        """As error messages show it."""
        if self.kind in ("EOF", "error"):
            return self.value
        if self.kind in KEYWORDS or self.kind == "dot":
            return f"<{self.value}>"
        return quote(self.value[:10]) + "..." if len(self.value) > 10 else quote(self.value)


class _LexError(Exception):
    pass


def _is_word(char: str) -> bool:
    return char == "_" or (char != _END and unicodedata.category(char) in ("Ll", "Lu", "Lt", "Lm", "Lo", "Nd"))


def _describe(char: str) -> str:
    if char == _END:
        return "U+FFFFFFFFFFFFFFFF"
    char = "\ufffd" if "\ud800" <= char <= "\udfff" else char
    return f"U+{ord(char):04X}" + (f" '{char}'" if is_print(char) else "")


class _Lexer:
    def __init__(self, source: str, left: str, right: str) -> None:
        self.source = source
        self.left = left
        self.right = right
        self.pos = 0
        self.start = 0
        self.line = 1
        self.parens = 0
        self.tokens: list[Token] = []
        self.simple = _simple_token(right)

    def char(self) -> str:
        return self.source[self.pos : self.pos + 1]

    def emit(self, kind: Kind) -> None:
        """Close the token; its line is that of its start, except that text is counted up to its end."""
        value = self.source[self.start : self.pos]
        self.tokens.append(Token(kind, self.start, value, self.line))
        self.skip()

    def skip(self) -> None:
        if self.pos != self.start:
            self.line += self.source.count("\n", self.start, self.pos)
            self.start = self.pos

    def run(self) -> list[Token]:
        try:
            while self.text():
                if self.open_action():
                    while self.inside():
                        pass
        except _LexError as error:
            self.tokens.append(Token("error", self.start, str(error), self.line))
            return self.tokens
        self.tokens.append(Token("EOF", len(self.source), "EOF", self.line))
        return self.tokens

    def text(self) -> bool:
        """Read text; False at the end of the source."""
        found = self.source.find(self.left, self.pos)
        if found < 0:
            self.pos = len(self.source)
            if self.pos > self.start:
                self.emit("text")
            return False
        end = found
        after = found + len(self.left)
        if self.source[after : after + 1] == "-" and self.source[after + 1 : after + 2] in _BLANK:
            end = self.start + len(self.source[self.start : found].rstrip(_BLANKS))
        self.pos = end
        if end > self.start:
            self.emit("text")
        self.pos = found
        self.skip()
        return True

    def open_action(self) -> bool:
        """Read the left delimiter; False when a whole comment was read."""
        self.pos += len(self.left)
        trim = self.char() == "-" and self.source[self.pos + 1 : self.pos + 2] in _BLANK
        after = self.pos + (2 if trim else 0)
        if self.source.startswith("/*", after):
            self.pos = after
            self.skip()
            self.comment()
            return False
        self.emit("left")
        self.pos = after
        self.skip()
        self.parens = 0
        return True

    def comment(self) -> None:
        end = self.source.find("*/", self.pos + 2)
        if end < 0:
            raise _LexError("unclosed comment")
        self.pos = end + 2
        delimiter = self.right_delimiter()
        if delimiter is None:
            raise _LexError("comment ends before closing delimiter")
        self.pos += delimiter
        if delimiter > len(self.right):
            self.skip_blanks()
        self.skip()

    def right_delimiter(self) -> int | None:
        """The length of the right delimiter here, a trim marker included; None when there is none."""
        if self.char() in _BLANK and self.source.startswith("-" + self.right, self.pos + 1):
            return 2 + len(self.right)
        return len(self.right) if self.source.startswith(self.right, self.pos) else None

    def skip_blanks(self) -> None:
        while self.char() in _BLANK:
            self.pos += 1

    def close_action(self, delimiter: int) -> None:
        self.pos += delimiter - len(self.right)
        self.skip()
        self.pos += len(self.right)
        self.emit("right")
        if delimiter > len(self.right):
            self.skip_blanks()
            self.skip()

    def inside(self) -> bool:
        """Read one token of an action; False after its end."""
        match = self.simple.match(self.source, self.pos)
        if match is not None:
            self.pos = match.end()
            self.emit(match.lastgroup or "")
            return True
        return self.any_token()

    def any_token(self) -> bool:
        """Read what is not simple: the end of the action, keywords, numbers, anything that is not ASCII, mistakes."""
        delimiter = self.right_delimiter()
        if delimiter is not None:
            if self.parens:
                raise _LexError("unclosed left paren")
            self.close_action(delimiter)
            return False
        char = self.char()
        if char == _END:
            raise _LexError("unclosed action")
        if char in _BLANK:
            return self.space()
        if char in "\"`'":
            self.quoted(char)
        elif char == "$" or (char == "." and self.source[self.pos + 1 : self.pos + 2] not in _NUMBER_FOLLOWS):
            self.field_or_variable(char)
        elif char in ".+-" or "0" <= char <= "9":
            self.number()
        elif _is_word(char):
            self.word()
        else:
            self.punctuation(char)
        return True

    def space(self) -> bool:
        """Read blanks; False when the action ends with a trim marker right here."""
        self.skip_blanks()
        if self.source.startswith("-" + self.right, self.pos):
            self.pos -= 1
            if self.pos == self.start:
                return self.inside()
        self.emit("space")
        return True

    def punctuation(self, char: str) -> None:
        self.pos += 1
        if char == "=":
            self.emit("assign")
        elif char == ":":
            if self.char() != "=":
                raise _LexError("expected :=")
            self.pos += 1
            self.emit("declare")
        elif char == "|":
            self.emit("pipe")
        elif char == "(":
            self.parens += 1
            self.emit("(")
        elif char == ")":
            self.parens -= 1
            if self.parens < 0:
                raise _LexError("unexpected right paren")
            self.emit(")")
        elif " " < char <= "~":
            self.emit("char")
        else:
            raise _LexError(f"unrecognized character in action: {_describe(char)}")

    def at_terminator(self) -> bool:
        char = self.char()
        return char == _END or char in " \t\r\n.,|:)(" or self.source.startswith(self.right, self.pos)

    def words(self) -> None:
        while _is_word(self.char()):
            self.pos += 1
        if not self.at_terminator():
            raise _LexError(f"bad character {_describe(self.char())}")

    def field_or_variable(self, char: str) -> None:
        self.pos += 1
        if self.at_terminator():
            self.emit("variable" if char == "$" else "dot")
            return
        self.words()
        self.emit("variable" if char == "$" else "field")

    def word(self) -> None:
        self.words()
        word = self.source[self.start : self.pos]
        if word in KEYWORDS:
            self.emit(word)
        else:
            self.emit("bool" if word in ("true", "false") else "identifier")

    def quoted(self, char: str) -> None:
        match = _QUOTED[char].match(self.source, self.pos)
        if match is None:
            raise _LexError(f"unterminated {_QUOTED_NAMES[char]}")
        self.pos = match.end()
        self.emit(_QUOTED_KINDS[char])

    def number(self) -> None:
        self.scan_number()
        if self.char() in ("+", "-"):
            self.scan_number()
            if self.source[self.pos - 1] != "i":
                raise _LexError(f"bad number syntax: {quote(self.source[self.start : self.pos])}")
            self.emit("complex")
            return
        self.emit("number")

    def scan_number(self) -> None:
        match = _NUMBER.match(self.source, self.pos)
        self.pos = match.end() if match else self.pos
        if _is_word(self.char()):
            raise _LexError(f"bad number syntax: {quote(self.source[self.start : self.pos + 1])}")


@lru_cache(maxsize=16)
def _simple_token(right: str) -> re.Pattern[str]:
    """The tokens that make up most of a source; whatever could be anything else is left to the careful way."""
    end = re.escape(right)
    word = r"[A-Za-z_][A-Za-z0-9_]*"
    follows = rf"(?=[ \t\r\n.,|)(]|{end})"
    return re.compile(
        rf"(?![ \t\r\n]-|{end})(?:(?P<space>[ \t\r\n]+(?!-|[ \t\r\n]))|(?P<field>\.{word}){follows}|(?P<variable>\${word}){follows}"
        rf"|(?!(?:{'|'.join(sorted(KEYWORDS))}|true|false)\b)(?P<identifier>{word}){follows}"
        r'|(?P<string>"[^"\\\n]*")|(?P<pipe>\|))'
    )


_QUOTED: Final = {
    '"': re.compile(r'"(?:[^"\\\n]|\\[^\n])*"'),
    "'": re.compile(r"'(?:[^'\\\n]|\\[^\n])*'"),
    "`": re.compile(r"`[^`]*`"),
}
_QUOTED_NAMES: Final = {'"': "quoted string", "'": "character constant", "`": "raw quoted string"}
_QUOTED_KINDS: Final = {'"': "string", "'": "charconst", "`": "rawstring"}
_NUMBER: Final = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)


def tokenize(source: str, left: str, right: str) -> list[Token]:
    """The tokens of a template; the last one is EOF or an error."""
    return _Lexer(source, left or "{{", right or "}}").run()
