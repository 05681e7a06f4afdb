"""`spec.retrySettings` of Vault."""

from __future__ import annotations

import pytest

from eso.api.meta_v1 import RetrySettings
from eso.errors import InvalidSpecError
from eso.identity.vault.retries import retries_of


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, (2, None)),
        ({}, (0, None)),
        ({"maxRetries": 5}, (5, None)),
        ({"maxRetries": -1, "retryInterval": "10s"}, (0, 10.0)),
        ({"retryInterval": "1m"}, (0, 60.0)),
    ],
)
def test_retries(settings: dict[str, object] | None, expected: tuple[int, float | None]) -> None:
    assert retries_of(None if settings is None else RetrySettings.model_validate(settings)) == expected


def test_an_interval_that_is_none() -> None:
    with pytest.raises(InvalidSpecError, match="retryInterval"):
        retries_of(RetrySettings(retry_interval="soon"))
