from __future__ import annotations

import pytest

from eso.errors import InvalidSpecError
from eso.transform.interval import parse_refresh_interval


@pytest.mark.parametrize(("value", "seconds"), [(None, 0), (0, 0), (30, 30), ("1h", 3600), ("90s", 90), ("0", 0)])
def test_accepted(value: int | str | None, seconds: float) -> None:
    assert parse_refresh_interval(value) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "invalid refreshInterval -1: must not be negative"),
        ("-1h", 'invalid refreshInterval "-1h": must not be negative'),
        ("10", 'invalid refreshInterval "10": time: missing unit'),
        ("soon", 'invalid refreshInterval "soon"'),
    ],
)
def test_refused(value: int | str, message: str) -> None:
    with pytest.raises(InvalidSpecError, match=message):
        parse_refresh_interval(value)
