"""What one render may use, and the account that is kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["DEFAULT_LIMITS", "Budget", "LimitError", "Limits"]

_ITEM_COST: Final = 64
"""Bytes charged for one element of a list or map: about what a Python object takes."""

_STEPS_PER_CLOCK_READ: Final = 512


class LimitError(Exception):
    """A render used more than it may; the text names the limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one render.

    Attributes:
        steps: nodes executed in loops and in templates called from templates.
        seconds: wall time.
        output: bytes of the result.
        memory: bytes of all intermediate values together, freed ones included.
        depth: templates called from within templates. Go allows 100,000.
        nesting: control structures inside each other in one source.
        parentheses: pipelines in parentheses inside each other; Go's own number.
    """

    steps: int = 2_000_000
    seconds: float = 20.0
    output: int = 16 << 20
    memory: int = 512 << 20
    depth: int = 1000
    nesting: int = 500
    parentheses: int = 10_000


DEFAULT_LIMITS: Final = Limits()


class Budget:
    """The account of one render.

    Attributes:
        limits: the bounds it counts against.
        room: bytes of output that are left; the engine takes them away itself.
    """

    __slots__ = ("_clock", "_deadline", "_memory", "_next_look", "_steps", "limits", "room")

    def __init__(self, limits: Limits = DEFAULT_LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.room = limits.output
        self._memory = limits.memory
        self._steps = limits.steps
        self._next_look = limits.steps - _STEPS_PER_CLOCK_READ
        self._clock = clock
        self._deadline = clock() + limits.seconds

    def step(self, count: int = 1) -> None:
        """Count executed nodes.

        Raises:
            LimitError: too many of them, or the time is over.
        """
        self._steps -= count
        if self._steps < self._next_look:
            if self._steps < 0:
                raise LimitError(f"more than {self.limits.steps} steps")
            self._next_look = self._steps - _STEPS_PER_CLOCK_READ
            self.check_time()

    def check_time(self) -> None:
        """Look at the clock; functions that work long call it now and then.

        Raises:
            LimitError: the time is over.
        """
        if self._clock() > self._deadline:
            raise LimitError(f"longer than {self.limits.seconds:g} seconds")

    def spend(self, size: int) -> None:
        """Charge `size` bytes of an intermediate value; call it before they are made.

        Raises:
            LimitError: all values together are too large.
        """
        self._memory -= size
        if self._memory < 0:
            raise LimitError(f"more than {self.limits.memory} bytes of intermediate values")

    def spend_items(self, count: int) -> None:
        """Charge `count` elements of a list or map; call it before they are made.

        Raises:
            LimitError: all values together are too large.
        """
        self.spend(count * _ITEM_COST)

    def output_exhausted(self) -> LimitError:
        """The error for output beyond the limit."""
        return LimitError(f"more than {self.limits.output} bytes of output")
