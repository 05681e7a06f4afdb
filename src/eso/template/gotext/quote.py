"""Go's quoted strings and characters: reading literals, writing `%q`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from eso.template.gotext.values import from_bytes, to_bytes

__all__ = ["is_print", "quote", "quote_ascii", "quote_rune", "unquote", "unquote_char"]

_SIMPLE: Final = {
    "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34,
}  # fmt: skip
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'\"]))|([^\\])", re.DOTALL
)
_NEEDS_NO_ESCAPE: Final = re.compile(r"[ !#-\[\]-~]*")
_WRITE: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_SURROGATES: Final = range(0xD800, 0xE000)


def _escape_value(match: re.Match[str], quote_char: str) -> tuple[int, bool]:
    """The value of one character of a literal, and whether it is a byte rather than a code point."""
    hex_byte, octal, short, long, simple, plain = match.groups()
    if plain is not None:
        return ord(plain), False
    if simple is not None:
        if simple in "'\"" and simple != quote_char:
            raise ValueError("invalid syntax")
        return _SIMPLE[simple], False
    if hex_byte is not None:
        return int(hex_byte, 16), True
    if octal is not None:
        if int(octal, 8) > 255:
            raise ValueError("invalid syntax")
        return int(octal, 8), True
    point = int(short or long, 16)
    if point > 0x10FFFF or point in _SURROGATES:
        raise ValueError("invalid syntax")
    return point, False


def unquote_char(text: str, quote_char: str) -> tuple[int, str]:
    """The first character of a literal's inside, as a code point, and the rest.

    Raises:
        ValueError: it is not Go syntax.
    """
    match = _ESCAPE.match(text)
    if match is None or match[0] == quote_char:
        raise ValueError("invalid syntax")
    point, _ = _escape_value(match, quote_char)
    return 0xFFFD if point in _SURROGATES else point, text[match.end() :]


def unquote(literal: str) -> str:
    """The string a literal in double or back quotes means.

    Raises:
        ValueError: it is not Go syntax.
    """
    inside = literal[1:-1]
    if literal[0] == "`":
        return inside.replace("\r", "")
    if "\n" in inside:
        raise ValueError("invalid syntax")
    if "\\" not in inside:
        return inside
    out = bytearray()
    at = 0
    while at < len(inside):
        match = _ESCAPE.match(inside, at)
        if match is None:
            raise ValueError("invalid syntax")
        value, is_byte = _escape_value(match, '"')
        out += bytes((value,)) if is_byte else to_bytes(chr(value))
        at = match.end()
    return from_bytes(bytes(out))


def is_print(char: str) -> bool:
    """Whether Go's unicode.IsPrint holds: letters, marks, numbers, punctuation, symbols and the ASCII blank."""
    return char == " " or unicodedata.category(char)[0] in "LMNPS"


def _is_print_ascii(char: str) -> bool:
    return " " <= char <= "~"


def _quote_char(char: str, delimiter: str, printable: Callable[[str], bool]) -> str:
    if char in (delimiter, "\\"):
        return "\\" + char
    if printable(char):
        return char
    if char in _WRITE:
        return _WRITE[char]
    point = ord(char)
    if 0xDC80 <= point <= 0xDCFF:
        return f"\\x{point - 0xDC00:02x}"
    if point < 0x20 or point == 0x7F:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def quote(text: str) -> str:
    """`text` as a Go literal in double quotes."""
    if _NEEDS_NO_ESCAPE.fullmatch(text) is not None:
        return f'"{text}"'
    return '"' + "".join([_quote_char(char, '"', is_print) for char in text]) + '"'


def quote_ascii(text: str) -> str:
    """`text` as a Go literal in double quotes, ASCII only."""
    return '"' + "".join([_quote_char(char, '"', _is_print_ascii) for char in text]) + '"'


def quote_rune(point: int, ascii_only: bool = False) -> str:
    """A code point as a Go character literal; what is no code point becomes U+FFFD."""
    char = chr(point) if 0 <= point <= 0x10FFFF and point not in _SURROGATES else "\ufffd"
    return "'" + _quote_char(char, "'", _is_print_ascii if ascii_only else is_print) + "'"
