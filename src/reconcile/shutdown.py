"""Signals that ask a process to end: the first one kindly, the second one at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["shutdown_signals"]

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
