"""How a YAML scalar is written: which style its text allows, and in which order keys stand."""

from __future__ import annotations

import re
from enum import Enum
from functools import cmp_to_key
from typing import Final

from eso.template.functions.runes import is_letter
from eso.template.functions.yamlscalars import needs_quotes

__all__ = ["BREAKS", "Style", "escaped", "is_multiline", "natural_order", "style_of"]

BREAKS: Final = "\r\n\x85\u2028\u2029"
"""What YAML 1.1 calls a line break."""

_ANY_BREAK: Final = re.compile(f"[{BREAKS}]")
_UNPRINTABLE: Final = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_ESCAPES: Final = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P",
}  # fmt: skip
_INDICATOR_START: Final = re.compile("""[#,\\[\\]{}&*!|>'"%@`]|[-?:](?:[ \t]|\\Z)|---|\\.\\.\\.""")
_INDICATOR_INSIDE: Final = re.compile(f":(?:[ \t]|\\Z)|(?<=[ \t\\0{BREAKS}])#")
_BREAK_SPACE: Final = re.compile(f"[{BREAKS}] ")
_SPACE_BREAK: Final = re.compile(f" [{BREAKS}]")


class Style(Enum):
    """The styles of scalars that are written."""

    PLAIN = "plain"
    SINGLE = "single"
    DOUBLE = "double"
    LITERAL = "literal"


def is_multiline(text: str) -> bool:
    """Whether the text has a line break."""
    return _ANY_BREAK.search(text) is not None


def _allows_plain(text: str) -> bool:
    if text[0] in " " + BREAKS or text[-1] in " " + BREAKS or is_multiline(text):
        return False
    return _INDICATOR_START.match(text) is None and _INDICATOR_INSIDE.search(text, 1) is None


def style_of(text: str) -> Style:
    """The style of a string: a block for lines, plain where that is safe, else quotes."""
    if not text or _UNPRINTABLE.search(text) or _SPACE_BREAK.search(text):
        return Style.DOUBLE
    if "\n" in text:
        return Style.DOUBLE if text[-1] == " " else Style.LITERAL
    if needs_quotes(text):
        return Style.DOUBLE
    if _allows_plain(text):
        return Style.PLAIN
    return Style.DOUBLE if _BREAK_SPACE.search(text) else Style.SINGLE


def escaped(rune: str) -> str | None:
    """What a rune becomes in double quotes; None for itself."""
    if rune not in '"\\' + BREAKS and _UNPRINTABLE.match(rune) is None:
        return None
    return escape(rune)


def escape(rune: str) -> str:
    """The escape of a rune."""
    known = _ESCAPES.get(rune)
    if known is not None:
        return "\\" + known
    code = ord(rune)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _signed(number: int) -> int:
    """Wrap around as a 64-bit integer does."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _digit_run(text: str, start: int, seed: int) -> tuple[int, int]:
    """The number that begins at a position, and where it ends."""
    at, number = start, seed
    while at < len(text) and text[at].isdecimal():
        number = number * 10 + ord(text[at]) - ord("0")
        at += 1
    return _signed(number), at


def _compare_from(left: str, right: str, at: int) -> int:
    """Order at the first position where the keys differ."""
    one, other = left[at], right[at]
    one_letter, other_letter = is_letter(one), is_letter(other)
    if one_letter and other_letter:
        return -1 if one < other else 1
    if one_letter or other_letter:
        return -1 if other_letter else 1
    seed = 0
    if "0" in (one, other):
        # A zero inside a number is a digit like others; one at its start is not.
        before = at - 1
        while before >= 0 and left[before].isdecimal() and left[before] == "0":
            before -= 1
        seed = 1 if before >= 0 and left[before].isdecimal() else 0
    one_number, one_end = _digit_run(left, at, seed)
    other_number, other_end = _digit_run(right, at, seed)
    if one_number != other_number:
        return -1 if one_number < other_number else 1
    if one_end != other_end:
        return -1 if one_end < other_end else 1
    return -1 if one < other else 1


def _compare(left: str, right: str) -> int:
    for at in range(min(len(left), len(right))):
        if left[at] != right[at]:
            return _compare_from(left, right, at)
    return len(left) - len(right)


natural_order: Final = cmp_to_key(_compare)
"""Sort key: letters by code point, other characters before letters, runs of digits by value."""
