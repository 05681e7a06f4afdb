"""A lenient look at JSON text: values are found by their first character and kept as the text they were written in.

Nothing is decoded that nobody asks for, so numbers keep their digits and objects their spacing, and text that is not quite JSON
still yields what can be found in it. Source of the rules: the GJSON syntax as implemented by tidwall/gjson v1.18.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from eso.transform.gofloat import format_plain, parse_float

__all__ = ["MISSING", "Node", "elements", "is_valid", "members", "parse", "quote", "squash", "squash_open", "unescape"]

Kind = Literal["null", "false", "true", "number", "string", "json"]

_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{\[(]|[}\])]', re.DOTALL)
_NUMBER: Final = re.compile(r".[^\x00-\x20,\]}]*", re.DOTALL)
_WORD: Final = re.compile(r"[a-z]*")
_KEY_OR_END: Final = re.compile(r'["}]')
_VALUE: Final = re.compile(r'["{\[ntf+\-0-9iIN]')
_ELEMENT: Final = re.compile(r'["{\[ntf+\-0-9iIN\]]')
_ESCAPES: Final = {"\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"'}
_ESCAPE_OR_CONTROL: Final = re.compile(r"[\\\x00-\x1f]")
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_QUOTED: Final = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT: Final = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class Node:
    """One value: what it is, the text it was written in, and for strings what that text means.

    Attributes:
        kind: type of the value; `json` is an object or an array.
        raw: the text; empty only in `MISSING` and in values made by a modifier.
        text: meaning of a string; empty otherwise.
        start: where `raw` begins in the text that was searched, -1 when it was made.
    """

    kind: Kind
    raw: str
    text: str = ""
    start: int = -1

    @property
    def exists(self) -> bool:
        """Whether there is a value; JSON null counts as one."""
        return self.kind != "null" or self.raw != ""

    @property
    def number(self) -> float:
        """The number; 0 where the text is none."""
        return parse_float(self.raw) if self.kind == "number" else 0.0

    @property
    def is_array(self) -> bool:
        """Whether it is an array."""
        return self.kind == "json" and self.raw.startswith("[")

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return self.kind == "json" and self.raw.startswith("{")

    def render(self) -> str:
        """The value as text: strings unescaped, integers digit by digit, other numbers without exponent, null empty."""
        if self.kind == "string":
            return self.text
        if self.kind == "null":
            return ""
        if self.kind == "number":
            digits = self.raw.removeprefix("-")
            return self.raw if not digits or (digits.isascii() and digits.isdigit()) else format_plain(self.number)
        return self.kind if self.kind in ("true", "false") else self.raw


MISSING: Final = Node("null", "")


def parse(text: str) -> Node:
    """The first value of a text; an object or array keeps everything that follows it."""
    for index, char in enumerate(text):
        if char in "{[":
            return Node("json", text[index:], start=index)
        if char <= " ":
            continue
        if not _VALUE.match(char):
            return MISSING
        if char == '"' and _STRING.match(text, index) is None:
            return Node("string", text[index:], unescape(text[index + 1 :]), index)
        found = _value_at(text, index)
        return found[0] if found else MISSING
    return MISSING


def members(text: str, index: int = 1) -> Iterator[tuple[str, str, Node]]:
    """Each member of an object as (key as written, key, value), from behind its opening brace."""
    while (match := _KEY_OR_END.search(text, index)) and match[0] == '"':
        key = _STRING.match(text, match.start())
        if key is None:
            return
        start = _VALUE.search(text, key.end())
        found = _value_at(text, start.start()) if start else None
        if found is None:
            return
        yield key[0], unescape(key[0][1:-1]), found[0]
        index = found[1]


def elements(text: str, index: int = 1) -> Iterator[Node]:
    """Each element of an array, from behind its opening bracket."""
    while (match := _ELEMENT.search(text, index)) and match[0] != "]":
        found = _value_at(text, match.start())
        if found is None:
            return
        yield found[0]
        index = found[1]


def _value_at(text: str, index: int) -> tuple[Node, int] | None:
    char = text[index]
    if char == '"':
        match = _STRING.match(text, index)
        return (Node("string", match[0], unescape(match[0][1:-1]), index), match.end()) if match else None
    if char in "{[":
        raw = squash(text, index)
        return Node("json", raw, start=index), index + len(raw)
    if char in "tf" or (char == "n" and text[index + 1 : index + 2] in ("", "u")):
        word = _WORD.match(text, index)
        raw = word[0] if word else char
        kind: Kind = "true" if char == "t" else "false" if char == "f" else "null"
        return Node(kind, raw, start=index), index + len(raw)
    number = _NUMBER.match(text, index)
    raw = number[0] if number else char
    return Node("number", raw, start=index), index + len(raw)


def squash(text: str, index: int = 0) -> str:
    """The text from a bracket, or quote, to its end; to the end of the text when it is not closed."""
    if text[index] == '"':
        match = _BRACKETS.match(text, index)
        return match[0] if match else text[index:]
    return squash_open(text, index)


def squash_open(text: str, index: int = 0) -> str:
    """As `squash`, where whatever stands at the index counts as the bracket that is open."""
    depth = 1
    for match in _BRACKETS.finditer(text, index + 1):
        if match[0] in ("{", "[", "("):
            depth += 1
        elif match[0] in ("}", "]", ")"):
            depth -= 1
            if depth == 0:
                return text[index : match.end()]
    return text[index:]


def unescape(body: str) -> str:
    """What the inside of a JSON string means; reading stops at the first thing that is not allowed there."""
    if not _ESCAPE_OR_CONTROL.search(body):
        return body
    parts: list[str] = []
    index = 0
    while match := _ESCAPE_OR_CONTROL.search(body, index):
        parts.append(body[index : match.start()])
        piece, index = _unescape_one(body, match.start())
        if index < 0:
            return "".join(parts)
        parts.append(piece)
    parts.append(body[index:])
    return "".join(parts)


def _unescape_one(body: str, index: int) -> tuple[str, int]:
    follows = body[index + 1 : index + 2]
    if body[index] != "\\" or not follows:
        return "", -1
    if follows != "u":
        return (_ESCAPES[follows], index + 2) if follows in _ESCAPES else ("", -1)
    if index + 6 > len(body):
        return "", -1
    unit, index = _hex_at(body, index + 2), index + 6
    if not 0xD800 <= unit < 0xE000:
        return chr(unit), index
    if body[index : index + 2] == "\\u" and len(body) >= index + 6:
        low, index = _hex_at(body, index + 2), index + 6
        if unit < 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), index
    return "�", index


def _hex_at(body: str, index: int) -> int:
    match = _HEX.match(body, index)
    return int(match[0], 16) if match else 0


def quote(text: str) -> str:
    """A JSON string with `<`, `>`, `&` and line separators escaped, as `encoding/json` writes it."""
    return f'"{_QUOTED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def is_valid(text: str) -> bool:
    """Whether the text is one JSON value and nothing else."""
    try:
        json.loads(text, parse_constant=_refuse, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
