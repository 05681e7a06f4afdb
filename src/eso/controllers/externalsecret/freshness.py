"""How old a value that others have read may be for an ExternalSecret, and what makes it due although its time has not come."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret.refresh import refresh_interval, version_of
from eso.stores.policy import default_max_age

__all__ = ["follows_sources", "news_within", "reusable"]

_CLOCKS_APART: Final = 2.0
"""Seconds that this clock may be ahead of the API server's; of those, one is for its keeping whole seconds."""


def reusable(es: ExternalSecret, *, forced: bool) -> float:
    """Seconds that a shared value may be old: none after an edit, a little for a refresh by time or a first sync.

    Args:
        es: the object.
        forced: something it refers to has changed.

    Raises:
        InvalidSpecError: `refreshInterval` is no duration.
    """
    edited = es.status.synced_resource_version not in (None, "", version_of(es))
    return 0.0 if forced or edited else default_max_age(refresh_interval(es))


def news_within(es: ExternalSecret, now: datetime, failed_ago: float | None, *, valid: bool) -> float:
    """Seconds within which an answer that others got is news to the object.

    A retry must not see its own failure again: what was asked for after that counts. For a first sync, what was asked for after the
    object was created. A missing or damaged target gets a new value.

    Args:
        es: the object.
        now: the wall clock.
        failed_ago: see `Retries.failed_ago`.
        valid: the target is as the last sync left it.
    """
    if failed_ago is not None:
        return failed_ago
    created = es.metadata.creation_timestamp
    if es.status.refresh_time is None and created is not None:
        return max((now - created).total_seconds() - _CLOCKS_APART, 0.0)
    return math.inf if valid else 0.0


def follows_sources(es: ExternalSecret) -> bool:
    """Whether a change of a store or a template source makes the object due: not where the user said when it is.

    Raises:
        InvalidSpecError: `refreshInterval` is no duration.
    """
    if es.spec.refresh_policy in ("CreatedOnce", "OnChange"):
        return False
    return refresh_interval(es) > 0 or not es.status.synced_resource_version
