"""Turning remote names into keys a Secret accepts, and back.

Source: ESO `esutils.ConvertKeys` and `ReverseKeys`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from eso.errors import EsoError, InvalidSpecError

__all__ = ["convert_key", "convert_keys", "is_key_char", "reverse_keys"]

V = TypeVar("V")

_ESCAPED: Final = re.compile(r"_U([0-9a-fA-F]{4,5})_")


def is_key_char(char: str) -> bool:
    """Whether a character may stand in a key: a letter or number of any script, `-`, `.` or `_`."""
    return char in "-._" or unicodedata.category(char)[0] in "LN"


def convert_key(key: str, strategy: str) -> str:
    """One key with everything else replaced: by `_` (`Default`), or by `_U<hex>_` (`Unicode`).

    Raises:
        InvalidSpecError: unknown strategy.
    """
    if strategy not in ("", "Default", "Unicode"):
        raise InvalidSpecError(f"unknown conversion strategy: {strategy}")
    unicode = strategy == "Unicode"
    return "".join(char if is_key_char(char) else f"_U{ord(char):04x}_" if unicode else "_" for char in key)


def convert_keys(data: Mapping[str, V], strategy: str) -> dict[str, V]:
    """A map with every key converted.

    Raises:
        EsoError: two keys became the same.
        InvalidSpecError: unknown strategy.
    """
    return _collected((convert_key(key, strategy), value) for key, value in data.items())


def reverse_keys(data: Mapping[str, V], strategy: str) -> dict[str, V]:
    """A map whose keys `ReverseUnicode` turned back into what they stood for; `None` leaves them.

    Raises:
        EsoError: two keys became the same.
        InvalidSpecError: unknown strategy.
    """
    if strategy in ("", "None"):
        return dict(data)
    if strategy != "ReverseUnicode":
        raise InvalidSpecError(f"unknown conversion strategy: {strategy}")
    return _collected((_reverse(key), value) for key, value in data.items())


def _reverse(key: str) -> str:
    return _ESCAPED.sub(lambda match: "\ufffd" if 0xD800 <= int(match[1], 16) < 0xE000 else chr(int(match[1], 16)), key)


def _collected(pairs: Iterable[tuple[str, V]]) -> dict[str, V]:
    found: dict[str, V] = {}
    for key, value in pairs:
        if key in found:
            raise EsoError(f"secret name collision during conversion: {key}")
        found[key] = value
    return found
