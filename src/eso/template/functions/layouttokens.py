"""The parts of Go's reference-time layouts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["MONTHS", "WEEKDAYS", "tokens"]

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

_TOKEN: Final = re.compile(
    r"""January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST
    |0[1-6]|002|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm
    |-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07
    |[.,](?:0+|9+)(?![0-9])""",
    re.VERBOSE,
)


@lru_cache(maxsize=128)
def tokens(layout: str) -> tuple[tuple[str, str], ...]:
    """Pairs of literal text and the token behind it; the last token is empty."""
    parts: list[tuple[str, str]] = []
    at = 0
    for found in _TOKEN.finditer(layout):
        parts.append((layout[at : found.start()], found[0]))
        at = found.end()
    parts.append((layout[at:], ""))
    return tuple(parts)
