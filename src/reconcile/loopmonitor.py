"""How well the event loop keeps up: its lag as a metric, and the stack of a callback that blocks it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable

from reconcile.metrics import LoopMetrics
from reconcile.watchdog import Watchdog

__all__ = ["LoopMonitor"]

_LOG = logging.getLogger(__name__)

_WINDOW = 60.0
"""Seconds over which the largest lag is kept, so that every scrape sees a peak."""


class LoopMonitor:
    """Measures how late timers fire, and reports what runs when the loop does not turn for `threshold` seconds.

    Args:
        metrics: where lag and blocked callbacks are counted.
        interval: seconds between two measurements.
        threshold: seconds without a turn of the loop that are reported with the stack; None reports nothing.
        report: called in a thread with the stack; logs a warning by default.
    """

    def __init__(
        self,
        metrics: LoopMetrics,
        *,
        interval: float = 0.5,
        threshold: float | None = 1.0,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self._metrics = metrics
        self._interval = interval
        self._threshold = threshold
        self._report = report if report is not None else _log_stack
        self._loop_thread = 0
        self._lags: deque[tuple[float, float]] = deque()

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        dog = None if self._threshold is None else Watchdog("", self._blocked)
        try:
            while True:
                if dog is not None and self._threshold is not None:
                    dog.feed(self._interval + self._threshold)
                before = loop.time()
                await asyncio.sleep(self._interval)
                now = loop.time()
                lag = max(0.0, now - before - self._interval)
                self._lags.append((now, lag))
                while self._lags[0][0] < now - _WINDOW:
                    self._lags.popleft()
                self._metrics.lag.set(lag)
                self._metrics.max_lag.set(max(lag for _, lag in self._lags))
        finally:
            if dog is not None:
                dog.disarm()

    def _blocked(self, _: str) -> None:
        self._metrics.blocked.inc()
        frame = sys._current_frames().get(self._loop_thread)
        self._report("".join(traceback.format_stack(frame)) if frame is not None else "")


def _log_stack(stack: str) -> None:
    _LOG.warning("a callback blocks the event loop; its stack:\n%s", stack)
