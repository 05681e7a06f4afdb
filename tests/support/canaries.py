"""Marked secret values, and the search for them in whatever a process emits."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator

__all__ = ["Canaries", "sightings"]

_MARK = b"zq9canary"


class Canaries:
    """Hands out secret values that `sightings` recognizes."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __call__(self, name: str) -> str:
        """A new value; `name` tells in a sighting which one it was."""
        return f"{_MARK.decode()}{next(self._numbers)}{name}/ +%"

    def plain(self, name: str) -> str:
        """A value of letters and digits, for where others cannot stand."""
        return f"{_MARK.decode()}{next(self._numbers)}{name}"


def _forms() -> Iterator[str]:
    yield _MARK.decode()
    yield _MARK.hex()
    yield base64.b32encode(_MARK).decode().rstrip("=")[:-1]
    # Twice: as in the data of a Secret whose value is base64 itself.
    for inner in (_MARK, base64.b64encode(_MARK)):
        for shift in range(3):
            # Characters that share bits with what stands before or after depend on it: they are left out.
            whole = base64.b64encode(b"\0" * shift + inner).decode()
            yield whole[(0, 2, 3)[shift] : (shift + len(inner)) * 8 // 6]


_FORMS = tuple({form.lower() for form in _forms()})


def sightings(text: str, *, around: int = 80) -> list[str]:
    """What surrounds every marked value in a text: plain, percent-encoded, hexadecimal, base64, in any case."""
    found = []
    lower = text.lower()
    for form in _FORMS:
        at = lower.find(form)
        while at >= 0:
            found.append(text[max(0, at - around) : at + len(form) + around])
            at = lower.find(form, at + 1)
    return found
