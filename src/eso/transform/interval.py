"""`spec.refreshInterval` of stores: seconds as a number, or a Go duration."""

from __future__ import annotations

from eso.api.duration import parse_duration
from eso.errors import InvalidSpecError

__all__ = ["parse_refresh_interval"]


def parse_refresh_interval(value: int | str | None) -> float:
    """Seconds between two validations; 0 means the operator's default.

    Raises:
        InvalidSpecError: negative, or text that is no Go duration.
    """
    if value is None:
        return 0.0
    if isinstance(value, int):
        seconds = float(value)
        shown = str(value)
    else:
        shown = f'"{value}"'
        try:
            seconds = parse_duration(value)
        except ValueError as err:
            raise InvalidSpecError(
                f'invalid refreshInterval {shown}: {err}; write seconds as a number, or "5m"'
            ) from err
    if seconds < 0:
        raise InvalidSpecError(f"invalid refreshInterval {shown}: must not be negative")
    return seconds
