"""Tracebacks that show what failed and where, and never what a foreign exception says.

The text of an exception that is not our own may hold anything: a vendor's answer, a value that could not be parsed. Neither it
nor its notes, nor the text of its causes, nor the variables of a frame are shown: class names and frames are.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any, Final, TextIO

from structlog.typing import ExcInfo

from eso.errors import EsoError
from reconcile.errors import ReconcileError

__all__ = ["exception_stacks", "write_exception"]

_MOST_FRAMES: Final = 50
"""Of one exception; from a longer stack the middle is left out."""

_MOST_EXCEPTIONS: Final = 50
"""Of one record: chains and groups may be of any size."""

Stack = dict[str, Any]


def exception_stacks(exc_info: ExcInfo) -> list[Stack]:
    """An exception, what caused it and the members of groups, outermost first, as structures for JSON."""
    return list(_stacks(exc_info[1], set()))


def write_exception(out: TextIO, exc_info: ExcInfo) -> None:
    """The same as lines for a terminal."""
    for stack in exception_stacks(exc_info):
        text = f": {stack['exc_value']}" if stack["exc_value"] else ""
        out.write(f"\n{stack['role']}{stack['exc_type']}{text}")
        for frame in stack["frames"]:
            out.write(f"\n  {frame['filename']}:{frame['lineno']} in {frame['name']}")


def _stacks(err: BaseException, seen: set[int], role: str = "") -> Iterator[Stack]:
    if id(err) in seen or len(seen) >= _MOST_EXCEPTIONS:
        return
    seen.add(id(err))
    yield {
        "exc_type": type(err).__name__,
        "exc_value": str(err) if isinstance(err, EsoError | ReconcileError) else "",
        "role": role,
        "frames": _frames(err),
    }
    if isinstance(err, BaseExceptionGroup):
        for member in err.exceptions:
            yield from _stacks(member, seen, "in the group: ")
    if err.__cause__ is not None:
        yield from _stacks(err.__cause__, seen, "caused by: ")
    elif err.__context__ is not None and not err.__suppress_context__:
        yield from _stacks(err.__context__, seen, "while handling: ")


def _frames(err: BaseException) -> list[dict[str, Any]]:
    # Without the source lines: a frame of compiled text would quote it.
    walked = traceback.StackSummary.extract(traceback.walk_tb(err.__traceback__), lookup_lines=False)
    frames = [{"filename": one.filename, "lineno": one.lineno, "name": one.name} for one in walked]
    if len(frames) <= _MOST_FRAMES:
        return frames
    half = _MOST_FRAMES // 2
    skipped = {"filename": "", "lineno": -1, "name": f"{len(frames) - 2 * half} frames left out"}
    return [*frames[:half], skipped, *frames[-half:]]
