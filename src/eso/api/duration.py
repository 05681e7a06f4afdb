"""Go duration strings (`1h30m`, `250ms`), the form of every duration in manifests and flags."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["format_duration", "parse_duration"]

# time.ParseDuration of Go: units and their length in nanoseconds.
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LARGEST: Final = (1 << 63) - 1


def parse_duration(text: str) -> float:
    """Seconds of a Go duration string.

    Raises:
        ValueError: not a duration; the message is what Go says.
    """
    rest = text
    sign = 1
    if rest[:1] in ("-", "+"):
        sign = -1 if rest[0] == "-" else 1
        rest = rest[1:]
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    total = 0
    while rest:
        match = _PART.match(rest)
        if match is None:
            number = re.match(r"(\d+(?:\.\d*)?|\.\d+)(.*)", rest)
            if number is None:
                raise ValueError(f'time: invalid duration "{text}"')
            unit = re.match(r"[^.\d]*", number[2])
            if unit is None or not unit[0]:
                raise ValueError(f'time: missing unit in duration "{text}"')
            raise ValueError(f'time: unknown unit "{unit[0]}" in duration "{text}"')
        whole, _, fraction = match[1].partition(".")
        scale = _UNITS[match[2]]
        total += int(whole or "0") * scale
        if fraction:
            total += int(fraction) * scale // 10 ** len(fraction)
        if total > _LARGEST:
            raise ValueError(f'time: invalid duration "{text}"')
        rest = rest[match.end() :]
    return sign * total / 1e9


def format_duration(seconds: float) -> str:
    """A duration as Go prints it: `1h0m0s`, `1.5s`, `250ms`, `0s`."""
    nanoseconds = round(seconds * 1e9)
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    nanoseconds = abs(nanoseconds)
    for unit, scale in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < scale * 1_000:
            return f"{sign}{_decimal(nanoseconds, scale)}{unit}"
    hours, rest = divmod(nanoseconds, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    text = f"{_decimal(rest, _UNITS['s'])}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    if not rest:
        return str(whole)
    digits = len(str(scale)) - 1
    return f"{whole}.{str(rest).zfill(digits).rstrip('0')}"
