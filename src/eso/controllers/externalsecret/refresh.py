"""When an ExternalSecret is due, and when to look at it again."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Final

from eso.api.duration import parse_duration
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret import syncwindows
from eso.errors import InvalidSpecError
from eso.transform.hash import synced_resource_version

__all__ = ["next_look", "refresh_interval", "should_refresh", "version_of"]

_PHASE_SHARE: Final = 0.02
_LONGEST_PHASE: Final = 5.0
_SMALLEST_STEP: Final = 0.01


def refresh_interval(es: ExternalSecret) -> float:
    """`spec.refreshInterval` in seconds.

    Raises:
        InvalidSpecError: not a Go duration.
    """
    text = es.spec.refresh_interval
    try:
        return parse_duration(text)
    except ValueError as err:
        raise InvalidSpecError(f'spec.refreshInterval: {err}; write a Go duration such as "1h" or "30s"') from err


def version_of(es: ExternalSecret) -> str:
    """What `status.syncedResourceVersion` becomes when the object as it stands has been synced."""
    meta = es.metadata
    return synced_resource_version(meta.generation, meta.annotations, meta.labels)


def should_refresh(es: ExternalSecret, now: datetime) -> bool:
    """Whether the provider has to be asked, by refresh policy, interval and sync windows."""
    synced = es.status.synced_resource_version
    refreshed = es.status.refresh_time
    policy = es.spec.refresh_policy
    if policy == "CreatedOnce":
        return not synced or refreshed is None
    changed = synced != version_of(es)
    if policy == "OnChange":
        return not synced or refreshed is None or changed
    interval = refresh_interval(es)
    if interval <= 0 and synced:
        return False
    if changed or refreshed is None or refreshed > now:
        return True
    if (now - refreshed).total_seconds() <= interval:
        return False
    return syncwindows.evaluate(es.spec.sync_windows, now).permitted


def next_look(es: ExternalSecret, now: datetime) -> float | None:
    """Seconds until the object has to be looked at again; None when only an event can make it due.

    A small phase, the same after every restart, keeps objects that were created together from staying together.
    """
    if es.spec.refresh_policy in ("CreatedOnce", "OnChange"):
        return None
    interval = refresh_interval(es)
    if interval <= 0:
        return None
    refreshed = es.status.refresh_time
    if refreshed is None:
        return interval
    phase = min(interval * _PHASE_SHARE, _LONGEST_PHASE) * _fraction(es.metadata.uid)
    remaining = interval - (now - refreshed).total_seconds() + phase
    if remaining > 0:
        return max(min(remaining, interval + phase), _SMALLEST_STEP)
    state = syncwindows.evaluate(es.spec.sync_windows, now)
    if state.permitted:
        return _SMALLEST_STEP
    if state.next_change is None:
        return None
    return max((state.next_change - now).total_seconds(), _SMALLEST_STEP)


def _fraction(uid: str) -> float:
    return zlib.crc32(uid.encode()) / 0xFFFFFFFF
