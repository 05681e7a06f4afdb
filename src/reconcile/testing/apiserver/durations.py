"""Ages as kubectl prints them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["age", "human_duration", "parse_time"]

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


def parse_time(text: str) -> datetime | None:
    """An RFC 3339 time, None when it is not one."""
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _pair(major: int, major_unit: str, minor: int, minor_unit: str) -> str:
    return f"{major}{major_unit}{minor}{minor_unit}" if minor else f"{major}{major_unit}"


def human_duration(seconds: float) -> str:
    """Seconds in the two-unit form of `kubectl get`. Source: the thresholds of apimachinery's HumanDuration."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    minutes, hours, days = whole // _MINUTE, whole // _HOUR, whole // _DAY
    if minutes < 10:
        return _pair(minutes, "m", whole % _MINUTE, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    years = days // 365
    return _pair(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def age(text: str | None, now: datetime) -> str:
    """How long ago a timestamp was; `<unknown>` without one."""
    when = parse_time(text) if text else None
    return "<unknown>" if when is None else human_duration((now - when).total_seconds())
