"""Functions that lay out text: abbreviating, wrapping, indenting. Columns are bytes."""

from __future__ import annotations

from typing import Final

from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.values import from_bytes, to_bytes
from eso.template.limits import Budget

__all__ = ["TABLE"]


def _abbreviated(data: bytes, offset: int, width: int) -> bytes:
    if len(data) <= width:
        return data
    offset = min(offset, len(data))
    if len(data) - offset < width - 3:
        offset = len(data) - (width - 3)
    if offset <= 4:
        return data[: width - 3] + b"..."
    if width < 7:
        return b""
    if offset + width - 3 < len(data):
        return b"..." + _abbreviated(data[offset:], 0, width - 3)
    return b"..." + data[len(data) - (width - 3) :]


def abbrev(width: int, text: str) -> str:
    """Cut to `width` bytes, the last three of them dots."""
    return text if width < 4 else from_bytes(_abbreviated(to_bytes(text), 0, width))


def abbrev_both(left: int, right: int, text: str) -> str:
    """Cut to `right` bytes beginning near `left`, with dots on the sides that were cut."""
    if right < 4 or (left > 0 and right < 7):
        return text
    return from_bytes(_abbreviated(to_bytes(text), left, right))


def _long_word(data: bytes, offset: int, width: int, hard: bool) -> tuple[int, int]:
    """Where a line with a word longer than the line ends, and where the next one starts."""
    end = offset + width
    if hard:
        return end, end
    space = data.find(b" ", end)
    return (len(data), len(data)) if space < 0 else (space, space + 1)


def _wrapped(budget: Budget, data: bytes, width: int, newline: bytes, hard: bool) -> bytes:
    width = max(width, 1)
    offset = 0
    lines: list[bytes] = []
    while len(data) - offset > width:
        if data[offset : offset + 1] == b" ":
            offset += 1
            continue
        space = data.rfind(b" ", offset, offset + width + 1)
        end, following = (space, space + 1) if space >= 0 else _long_word(data, offset, width, hard)
        lines.append(data[offset:end])
        if end < len(data):
            lines.append(newline)
        offset = following
    lines.append(data[offset:])
    budget.spend(len(data) + len(lines) * len(newline))
    return b"".join(lines)


def wrap(budget: Budget, width: int, text: str) -> str:
    """Lines broken at blanks before column `width`; long words are kept whole."""
    return from_bytes(_wrapped(budget, to_bytes(text), width, b"\n", hard=False))


def wrap_with(budget: Budget, width: int, separator: str, text: str) -> str:
    """Lines broken at blanks before column `width` and joined with `separator`; long words are cut."""
    return from_bytes(_wrapped(budget, to_bytes(text), width, to_bytes(separator) or b"\n", hard=True))


def indent(budget: Budget, spaces: int, text: str) -> str:
    """Each line, empty ones too, after so many blanks.

    Raises:
        FunctionError: the number is negative or the result too long.
    """
    if spaces < 0:
        raise FunctionError("strings: negative Repeat count")
    budget.spend(spaces * (text.count("\n") + 1))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def nindent(budget: Budget, spaces: int, text: str) -> str:
    """`indent` after a line break."""
    return "\n" + indent(budget, spaces, text)


_S: Final = Param.STRING
_I: Final = Param.INT

TABLE: Final = (
    Function("abbrev", abbrev, (_I, _S)),
    Function("abbrevboth", abbrev_both, (_I, _I, _S)),
    Function("wrap", wrap, (_I, _S), needs_budget=True),
    Function("wrapWith", wrap_with, (_I, _S, _S), needs_budget=True),
    Function("indent", indent, (_I, _S), needs_budget=True),
    Function("nindent", nindent, (_I, _S), needs_budget=True),
)
