from __future__ import annotations

import pytest

from eso.api.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("0s", 0), ("1h", 3600), ("1h0m0s", 3600), ("90s", 90), ("1.5h", 5400), ("250ms", 0.25), ("-1m", -60), ("+1m", 60),
        ("1h30m", 5400), (".5s", 0.5), ("1.s", 1), ("2160h", 2160 * 3600), ("100us", 1e-4), ("100µs", 1e-4), ("5ns", 5e-9),
    ],
)  # fmt: skip
def test_parse(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'invalid duration ""'),
        ("10", 'missing unit in duration "10"'),
        ("1d", 'unknown unit "d" in duration "1d"'),
        ("abc", 'invalid duration "abc"'),
        ("-", 'invalid duration "-"'),
        ("1h ", "invalid duration"),
        ("9999999999h", "invalid duration"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (3600, "1h0m0s"),
        (90, "1m30s"),
        (1.5, "1.5s"),
        (0.25, "250ms"),
        (1e-4, "100µs"),
        (5e-9, "5ns"),
        (-60, "-1m0s"),
    ],
)
def test_format(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
