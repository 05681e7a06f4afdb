"""Go's operations on strings as byte sequences, for text that may hold bytes that are not UTF-8."""

from __future__ import annotations

from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import from_bytes, to_bytes

__all__ = ["cut", "slice_bounds", "split"]


def slice_bounds(length: int, start: int, end: int, noun: str = "length") -> None:
    """Check the bounds of `x[start:end]` as Go's runtime does.

    Raises:
        FunctionError: the bounds are outside of `length`, or crossed.
    """
    if end < 0:
        raise FunctionError(f"runtime error: slice bounds out of range [:{end}]")
    if end > length:
        raise FunctionError(f"runtime error: slice bounds out of range [:{end}] with {noun} {length}")
    if start < 0:
        raise FunctionError(f"runtime error: slice bounds out of range [{start}:]")
    if start > end:
        raise FunctionError(f"runtime error: slice bounds out of range [{start}:{end}]")


def cut(text: str, start: int, end: int | None = None) -> str:
    """`text[start:end]` in bytes.

    Raises:
        FunctionError: the bounds are outside of the text.
    """
    if text.isascii():
        stop = len(text) if end is None else end
        slice_bounds(len(text), start, stop)
        return text[start:stop]
    data = to_bytes(text)
    stop = len(data) if end is None else end
    slice_bounds(len(data), start, stop)
    return from_bytes(data[start:stop])


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """Go's `strings.SplitN`: at most `limit` parts, all of them when it is negative, none when it is zero.

    An empty separator splits after each character.
    """
    if limit == 0:
        return []
    if not separator:
        if limit < 0 or limit >= len(text):
            return list(text)
        return [*text[: limit - 1], text[limit - 1 :]]
    if text.isascii() or separator.isascii():
        return text.split(separator, limit - 1 if limit > 0 else -1)
    return [from_bytes(part) for part in to_bytes(text).split(to_bytes(separator), limit - 1 if limit > 0 else -1)]
