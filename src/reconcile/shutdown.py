"""Signals that ask a process to end, the first one kindly and the second one at once, and the one after a freeze."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["on_resume", "shutdown_signals"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def shutdown_signals(stop: Callable[[], None], *, end: Callable[[int], None] = os._exit) -> Iterator[None]:
    """Inside of the block SIGTERM and SIGINT call `stop` in the event loop, and a second one calls `end(1)`.

    Outside of the main thread nothing is changed: only that one receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    seen = 0

    def on_signal() -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            end(1)
        else:
            stop()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def on_resume(check: Callable[[], None]) -> Iterator[None]:
    """Inside of the block `check` runs when the process continues after SIGSTOP, before any other Python code of the main thread.

    Not a handler of the event loop: that runs after the timers which became due during the freeze, and they do the work that
    must not be done any more. Outside of the main thread, and where there is no SIGCONT, nothing is changed.
    """
    number = getattr(signal, "SIGCONT", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_: int, __: FrameType | None) -> None:
        check()

    before = signal.signal(number, on_signal)
    try:
        yield
    finally:
        signal.signal(number, before)
