"""What a check found, for people and for exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

__all__ = ["Finding", "report"]

_MARKS = {True: "[ok]", False: "[!!]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: whether it is as it should be.
        what: a sentence.
        hint: how to mend it; empty when there is nothing to mend.
    """

    ok: bool
    what: str
    hint: str = ""


def report(findings: Iterable[Finding], out: TextIO) -> int:
    """Print the findings; 1 when one of them is not ok."""
    failed = False
    for finding in findings:
        failed |= not finding.ok
        out.write(f"{_MARKS[finding.ok]} {finding.what}\n")
        if finding.hint:
            out.write(f"     {finding.hint}\n")
    return 1 if failed else 0
