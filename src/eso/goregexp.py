"""What is wrong with a regular expression, in the words of Go's `regexp/syntax`, which users of ESO know."""

from __future__ import annotations

from typing import Final

import re2

__all__ = ["reason"]

_WORDS: Final = {
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid escape sequence": "invalid escape sequence",
    "invalid character class": "invalid character class",
    "invalid character class range": "invalid character class range",
    "trailing \\": "trailing backslash at end of expression",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "invalid UTF-8": "invalid UTF-8",
    "pattern too large - compile failed": "expression too large",
}


def reason(err: re2.error) -> tuple[str, str]:
    """Go's words for a pattern that RE2 refuses, and the place in it, empty where RE2 names none."""
    said = err.args[0] if err.args else b""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    word, _, place = text.partition(": ")
    return _WORDS.get(word.rstrip(":"), "invalid syntax"), place
