"""Refreshes of the same remote key come together, so that one call serves all who want it.

Every key of a store has a slot: a moment in each interval, found by hashing, the same in every process and after every restart.
A refresh comes up to a tenth of its interval early, at most five seconds late, and within that moves towards the slot. Objects
that share store, interval and key, whenever they were created, meet after ten intervals at most; those of other keys
stay spread over the interval. Nothing is shared between processes and nothing remembered: the time of the last refresh is enough.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

__all__ = ["EARLIEST", "SHORTEST", "SlotGroup", "drawn", "latest_of", "retry_wait"]

SHORTEST: Final = 60.0
"""Seconds; refreshes of a shorter interval come when they are due, not earlier."""

EARLIEST: Final = 0.9
"""Share of the interval before which no refresh comes."""

BATCH_SLOTS: Final = 6
"""Slots in an interval of a store whose provider reads many keys in one call.

Fewer would fill batches better and make longer bursts: 200 keys are 33 in a slot, two calls of 20.
"""

_PHASE_SHARE: Final = 0.02
_LONGEST_PHASE: Final = 5.0


def latest_of(interval: float) -> float:
    """Seconds by which a refresh may lag behind its interval."""
    return min(interval * _PHASE_SHARE, _LONGEST_PHASE)


@dataclass(frozen=True, slots=True)
class SlotGroup:
    """What is read together.

    Attributes:
        store: kind, namespace and name of the store, as one text.
        key: the remote key.
        batched: the store's provider reads many keys in one call.
    """

    store: str
    key: str
    batched: bool = False

    def slot(self, interval: float) -> float:
        """The group's moment in an interval: seconds after each multiple of it since the epoch.

        The slots of intervals that are multiples of each other coincide unless the store is batched.
        """
        moment = _hash(f"{self.store}\n{self.key}")
        if not self.batched:
            return float(moment) % interval
        width = interval / BATCH_SLOTS
        return moment % BATCH_SLOTS * width + _hash(self.store) % width

    def drawn(self, refreshed: float, interval: float, phase: float = 0.0) -> float:
        """As the function `drawn`, for the group's slot; the keys of a batch have no phase.

        Args:
            refreshed: when the last refresh began, in seconds since the epoch.
            interval: the refresh interval in seconds.
            phase: seconds after the slot, less than the interval allows an answer to be reused.
        """
        return drawn(refreshed, interval, self.slot(interval) + (0.0 if self.batched else phase))


def drawn(refreshed: float, interval: float, slot: float) -> float:
    """Seconds after a refresh when the next one is due.

    The way to the slot is divided into equal steps, each a tenth of the interval at most. So keys that were refreshed at one moment,
    after an outage for example, part at once, and still the objects of each key stay together.

    Args:
        refreshed: when the last refresh began, in seconds since the epoch.
        interval: the refresh interval in seconds.
        slot: where in the interval the refreshes belong.
    """
    behind = (refreshed - slot) % interval
    if interval - behind <= latest_of(interval):
        # A moment early, because times are kept in whole seconds: the slot is still to come.
        return 2.0 * interval - behind
    steps = max(1, math.ceil(behind / (interval * (1.0 - EARLIEST))))
    return interval - behind / steps


def retry_wait(now: float, pause: float, longest: float, group: SlotGroup) -> float:
    """Seconds until the next try of a read that will fail until a human does something, together with others of its group.

    Args:
        now: seconds since the epoch.
        pause: seconds to wait at least, doubled at each failure.
        longest: the refresh interval: once the pause has come near it, tries come in the slots of refreshes.
        group: whose slot.
    """
    if 2.0 * pause > longest:
        pause, least = longest, longest * (1.0 - EARLIEST)
    else:
        least = pause
    return least + (group.slot(pause) - now - least) % pause


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest())
