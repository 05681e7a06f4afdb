"""How long a request that failed waits for its next try."""

from __future__ import annotations

import pytest

from eso.identity.aws import RetryPolicy


@pytest.mark.parametrize(("failed", "expected"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 10.0), (60, 10.0)])
def test_delays_double_up_to_twenty_seconds(failed: int, expected: float) -> None:
    assert RetryPolicy().delay(failed, lambda: 0.5) == expected


def test_a_fixed_interval_stays() -> None:
    assert [RetryPolicy(interval=3.0).delay(failed, lambda: 0.5) for failed in (1, 2, 9)] == [3.0] * 3
