"""How often a request is repeated, from `spec.retrySettings`."""

from __future__ import annotations

from eso.api.duration import parse_duration
from eso.api.meta_v1 import RetrySettings
from eso.errors import InvalidSpecError
from eso.identity.vault.transport import RETRIES

__all__ = ["retries_of"]


def retries_of(settings: RetrySettings | None) -> tuple[int, float | None]:
    """Retries, and seconds between them (None: the default, 1.0 to 1.5).

    Settings without `maxRetries` mean no retry, as in External Secrets Operator v2.9.0.

    Raises:
        InvalidSpecError: the interval is not a duration.
    """
    if settings is None:
        return RETRIES, None
    retries = max(0, settings.max_retries or 0)
    if not settings.retry_interval:
        return retries, None
    try:
        return retries, max(0.0, parse_duration(settings.retry_interval))
    except ValueError as err:
        raise InvalidSpecError(f"retrySettings.retryInterval: {err}") from err
