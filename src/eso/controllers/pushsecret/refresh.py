"""When a PushSecret is due, and when to look at it again."""

from __future__ import annotations

from datetime import datetime

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.pacing import SMALLEST_STEP, interval_of, phase_of, version_of
from eso.controllers.pushsecret.ledger import OWN

__all__ = ["follows_sources", "is_due", "next_look", "pushed_version"]


def pushed_version(push: PushSecret) -> str:
    """`status.syncedResourceVersion` of the object as it stands; the operator's own annotations do not count."""
    return version_of(push, but=OWN)


def is_due(push: PushSecret, now: datetime) -> bool:
    """Whether the object was edited since it was pushed, or its interval is over.

    Raises:
        InvalidSpecError: `refreshInterval` is no duration.
    """
    status = push.status
    # Before anything else: what cannot be read must not be pushed once and fail afterwards.
    interval = interval_of(push.spec.refresh_interval)
    if status.synced_resource_version != pushed_version(push):
        return True
    if interval <= 0 and status.synced_resource_version:
        return False
    if status.refresh_time is None or status.refresh_time > now:
        return True
    return (now - status.refresh_time).total_seconds() > interval


def follows_sources(push: PushSecret) -> bool:
    """Whether a change of a source or a store makes the object due; interval 0 means once for each edit.

    Raises:
        InvalidSpecError: `refreshInterval` is no duration.
    """
    return interval_of(push.spec.refresh_interval) > 0 or not push.status.synced_resource_version


def next_look(push: PushSecret, now: datetime) -> float | None:
    """Seconds until the object is due by time; None when only an event can make it so.

    Raises:
        InvalidSpecError: `refreshInterval` is no duration.
    """
    interval = interval_of(push.spec.refresh_interval)
    if interval <= 0:
        return None
    phase = phase_of(push, interval)
    if push.status.refresh_time is None:
        return interval + phase
    remaining = interval - (now - push.status.refresh_time).total_seconds() + phase
    return max(min(remaining, interval + phase), SMALLEST_STEP)
