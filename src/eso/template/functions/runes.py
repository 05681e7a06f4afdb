"""Go's view of characters: one rune for each byte that is not UTF-8, simple case mappings, `unicode.IsSpace` and friends."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = [
    "SPACE",
    "is_letter",
    "is_lower",
    "is_number",
    "is_punctuation",
    "is_space",
    "is_title",
    "is_upper",
    "runes",
    "to_lower",
    "to_title",
    "to_upper",
]

SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Go calls white space: Unicode's White_Space. Python's `isspace` also has U+001C to U+001F."""

_STRAY_BYTE: Final = re.compile("[\udc80-\udcff]")


def runes(text: str) -> str:
    """The text as `[]rune` shows it: each byte that is not UTF-8 is U+FFFD."""
    return text if text.isascii() else _STRAY_BYTE.sub("\ufffd", text)


def is_space(rune: str) -> bool:
    """Whether the rune is white space."""
    return rune in SPACE


def is_upper(rune: str) -> bool:
    """Whether the rune is an upper-case letter."""
    return unicodedata.category(rune) == "Lu"


def is_lower(rune: str) -> bool:
    """Whether the rune is a lower-case letter."""
    return unicodedata.category(rune) == "Ll"


def is_title(rune: str) -> bool:
    """Whether the rune is a title-case letter, such as a digraph with only its first half large."""
    return unicodedata.category(rune) == "Lt"


def is_letter(rune: str) -> bool:
    """Whether the rune is a letter."""
    return unicodedata.category(rune)[0] == "L"


def is_number(rune: str) -> bool:
    """Whether the rune is a number of any kind."""
    return unicodedata.category(rune)[0] == "N"


def is_punctuation(rune: str) -> bool:
    """Whether the rune is punctuation."""
    return unicodedata.category(rune)[0] == "P"


def _simple(mapped: str, rune: str) -> str:
    """A mapping of one rune to one rune; where Unicode's full mapping gives several, Go keeps the rune."""
    return mapped if len(mapped) == 1 else rune


def to_upper(rune: str) -> str:
    """The rune's simple upper case."""
    upper = rune.upper()
    # The Greek letters with iota below have a single upper-case letter too: Python only shows it as their title case.
    return upper if len(upper) == 1 else _simple(rune.title(), rune)


def to_title(rune: str) -> str:
    """The rune's simple title case."""
    return _simple(rune.title(), rune)


def to_lower(rune: str) -> str:
    """The rune's simple lower case."""
    return "i" if rune == "\u0130" else _simple(rune.lower(), rune)
