"""Where an unexpected error came from, told without the values that its text and its variables hold."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal

from reconcile.errors import ReconcileError

__all__ = ["Locate", "Tracebacks", "frames_of", "locator"]

Tracebacks = Literal["frames", "full", "none"]
"""`frames`: classes and places in the code; `full`: as Python prints them, with every message; `none`: nothing."""

Locate = Callable[[BaseException], str]
"""What is logged below the line of an error: lines of text, empty when the line says it all."""

_FRAMES = 25
"""Frames of one error that are shown, the innermost."""

_ERRORS = 20
"""Errors that are shown of one, its causes, and the members of groups."""


def locator(tracebacks: Tracebacks, expected: tuple[type[BaseException], ...] = ()) -> Locate:
    """A function that says where an error came from, unless errors of its class are a part of normal life.

    Args:
        tracebacks: how much to tell.
        expected: further classes that need no place: those of this library, of the operating system and timeouts need none.

    Raises:
        ValueError: there is no such way to tell.
    """
    if tracebacks not in ("frames", "full", "none"):
        raise ValueError(f"tracebacks={tracebacks!r}: want 'frames', 'full' or 'none'")
    normal: tuple[type[BaseException], ...] = (ReconcileError, OSError, *expected)  # a TimeoutError is an OSError

    def locate(error: BaseException) -> str:
        if tracebacks == "none" or _is_normal(error, normal):
            return ""
        if tracebacks == "full":
            return "\n" + "".join(traceback.format_exception(error)).rstrip()
        return "\n" + frames_of(error)

    return locate


def _is_normal(error: BaseException, normal: tuple[type[BaseException], ...]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_normal(member, normal) for member in error.exceptions)
    return isinstance(error, normal)


def frames_of(error: BaseException) -> str:
    """An error, its causes and its members: class, file, line and function of each frame, and nothing else.

    No messages, no variables and no source text: each may hold a secret.
    """
    return "\n".join(_lines(error, "", set()))


def _lines(error: BaseException, indent: str, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    yield f"{indent}{type(error).__module__}.{type(error).__qualname__}"
    for file, line, function in _places(error.__traceback__)[-_FRAMES:]:
        yield f'{indent}  File "{file}", line {line}, in {function}'
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    related = [("caused by", cause)] if cause is not None else []
    if isinstance(error, BaseExceptionGroup):
        related += [("of which", member) for member in error.exceptions]
    for relation, other in related:
        if id(other) not in seen and len(seen) < _ERRORS:
            yield f"{indent}{relation}"
            yield from _lines(other, indent + "  ", seen)


def _places(found: TracebackType | None) -> list[tuple[str, int, str]]:
    # Not traceback.extract_tb: that reads the source files, and nothing here may wait for a disk.
    walked = traceback.walk_tb(found)
    return [(frame.f_code.co_filename, line, frame.f_code.co_qualname) for frame, line in walked]
