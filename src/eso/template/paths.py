"""Target paths of templates: `spec.list[2].name`, and writing at one.

A path has no escapes: a name can hold neither a point nor a bracket.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

from eso.template.gotext.values import Int64, type_of

__all__ = ["PathError", "Segment", "parse_path", "write_at"]

Segment = str | int
"""A key of a mapping, or an index of a list."""

_LARGEST_INDEX: Final = 10_000
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


class PathError(ValueError):
    """A path is malformed, or does not fit the object."""


def _invalid(path: str, problem: str) -> PathError:
    return PathError(f'invalid path "{path}": {problem}')


def _index(path: str, text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise _invalid(path, f'invalid index "{text}"')
    # Digits beyond the largest index by far need no conversion; Python refuses very long ones.
    index = int(text) if len(text.lstrip("+-0")) < 12 else _LARGEST_INDEX + 1
    if index < 0:
        raise _invalid(path, f"negative index {index}")
    if index > _LARGEST_INDEX:
        raise _invalid(path, f"an index is at most {_LARGEST_INDEX}")
    return index


def _indexes(path: str, rest: str) -> list[Segment]:
    """The `[n][m]` at the end of a segment."""
    found: list[Segment] = []
    while rest:
        if rest[0] != "[":
            raise _invalid(path, f'unexpected characters "{rest}" after an index')
        inside, bracket, rest = rest[1:].partition("]")
        if not bracket:
            raise _invalid(path, "unterminated index")
        found.append(_index(path, inside))
    return found


def parse_path(path: str) -> list[Segment]:
    """The keys and indexes of a path.

    Raises:
        PathError: it is malformed.
    """
    segments: list[Segment] = []
    for part in path.split("."):
        if not part:
            raise _invalid(path, "empty segment" if path else "empty path")
        name, bracket, rest = part.partition("[")
        if name:
            segments.append(name)
        elif not segments:
            raise _invalid(path, "a path cannot start with an index")
        segments.extend(_indexes(path, bracket + rest))
    return segments


def _kind(value: Any) -> str:
    return type_of(Int64(value) if type(value) is int else value)


def _get(container: Any, segment: Segment) -> Any:
    """The value at a segment; None when it is absent. Lists grow to hold an index."""
    if isinstance(segment, str):
        if not isinstance(container, dict):
            raise PathError(f'cannot set key "{segment}": it is in a value of type {_kind(container)}')
        return container.get(segment)
    if not isinstance(container, list):
        raise PathError(f"cannot set index {segment}: it is in a value of type {_kind(container)}")
    container.extend([None] * (segment + 1 - len(container)))
    return container[segment]


def write_at(root: dict[str, Any], path: list[Segment], value: Any, *, merge: bool) -> None:
    """Write a value into the object; missing mappings and lists on the way are made.

    Args:
        root: changed in place.
        path: where.
        value: what.
        merge: lay a mapping over the mapping that is there, one level deep, instead of replacing it.

    Raises:
        PathError: something on the way is neither absent nor a container of the right kind.
    """
    container: Any = root
    for segment, follow in pairwise(path):
        inner = _get(container, segment)
        if inner is None:
            inner = {} if isinstance(follow, str) else []
            container[segment] = inner
        container = inner
    last = path[-1]
    present = _get(container, last)
    if merge and isinstance(present, dict) and isinstance(value, dict):
        value = {**present, **value}
    container[last] = value
