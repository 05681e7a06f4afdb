"""What the property tests under random faults share: how many scenarios, from which seed, and what they came to."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["SEED", "reported", "scenarios"]

SEED = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(2**32))


def scenarios(usual: int) -> int:
    """How many to run: `usual`, or what `make faults` asks for."""
    return int(os.environ.get("FAULT_SCENARIOS") or usual)


@contextmanager
def reported(total: Counter[str]) -> Iterator[None]:
    """Print at the end what was counted: `scenarios`, `faults`, `virtual seconds`."""
    # Thousands of scenarios log millions of lines, which pytest would keep.
    log = logging.getLogger("reconcile")
    level = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)
    hours = total.pop("virtual seconds", 0) / 3600
    print(
        f"\nFAULT_SEED={SEED}: {total['scenarios']} scenarios, {total['faults']} faults, {hours:.0f} hours of virtual time"
    )
