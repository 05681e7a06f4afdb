"""When an ExternalSecret is due, and when to look at it again."""

from __future__ import annotations

from datetime import datetime

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret import syncwindows
from eso.controllers.pacing import SMALLEST_STEP, interval_of, phase_of, version_of
from eso.controllers.slots import SHORTEST, SlotGroup

__all__ = ["next_look", "refresh_interval", "should_refresh", "version_of"]


def refresh_interval(es: ExternalSecret) -> float:
    """`spec.refreshInterval` in seconds.

    Raises:
        InvalidSpecError: not a Go duration.
    """
    return interval_of(es.spec.refresh_interval)


def should_refresh(es: ExternalSecret, now: datetime, group: SlotGroup | None = None) -> bool:
    """Whether the provider has to be asked, by refresh policy, interval and sync windows.

    Args:
        es: the object.
        now: the wall clock.
        group: see `grouping.slot_group`; without one the interval is exact.
    """
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
    if (now - refreshed).total_seconds() <= _due_after(es, refreshed, interval, group):
        return False
    return syncwindows.evaluate(es.spec.sync_windows, now).permitted


def next_look(es: ExternalSecret, now: datetime, group: SlotGroup | None = None) -> float | None:
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
    due = _due_after(es, refreshed, interval, group)
    if group is None or interval < SHORTEST:
        due += phase_of(es, interval)
    remaining = due - (now - refreshed).total_seconds()
    if remaining > 0:
        return max(min(remaining, due), SMALLEST_STEP)
    state = syncwindows.evaluate(es.spec.sync_windows, now)
    if state.permitted:
        return SMALLEST_STEP
    if state.next_change is None:
        return None
    return max((state.next_change - now).total_seconds(), SMALLEST_STEP)


def _due_after(es: ExternalSecret, refreshed: datetime, interval: float, group: SlotGroup | None) -> float:
    """Seconds after its last refresh from which the object is due."""
    if group is None or interval < SHORTEST:
        return interval
    return group.drawn(refreshed.timestamp(), interval, phase_of(es, interval))
