"""A thread that acts when it is not fed in time, also while the event loop is blocked."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Fence", "Watchdog", "end_process"]


class Fence(Protocol):
    """Stops this process from working on when it must not."""

    def feed(self, seconds: float) -> None:
        """All is well for so many seconds from now on."""
        ...

    def check(self) -> None:
        """Act now if it is too late already. Called in the main thread first thing after the process was frozen."""
        ...

    def disarm(self) -> None:
        """Nothing is to be guarded until the next `feed`."""
        ...


def end_process(message: str) -> None:
    """Write `message` to standard error and end the process at once, with status 1: no handlers, no flushing.

    Nothing gentler is safe: the event loop may be blocked, and every further second somebody else may hold the lease.
    """
    os.write(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, f"{message}\n".encode())
    os._exit(1)


class Watchdog(Fence):
    """Calls `action(message)` in a thread of its own when the last `feed` has run out. The thread starts with the first one.

    Args:
        message: handed to the action.
        action: what to do; called once per missed deadline, and by `check` also while the thread is at it.
    """

    def __init__(self, message: str, action: Callable[[str], None] = end_process) -> None:
        self._message = message
        self._action = action
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._closed = False
        self._acting = False
        self._thread: threading.Thread | None = None

    def feed(self, seconds: float) -> None:
        """All is well for so many seconds from now on."""
        if self._missed():
            # Woken from a freeze, the event loop may get here before the thread does: it is too late all the same.
            self._action(self._message)
            return
        with self._changed:
            # Only an earlier deadline needs the thread awake; it looks again by itself when the old one has come.
            earlier = self._deadline is None or time.monotonic() + seconds < self._deadline
            self._deadline = time.monotonic() + seconds
            self._closed = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="reconcile-watchdog", daemon=True)
                self._thread.start()
            elif earlier:
                self._changed.notify()

    def check(self) -> None:
        """Act if the deadline has passed: after a freeze the event loop may run before the thread does.

        The thread may have noticed and not be done: it waits for the interpreter's lock, say. Whoever asks must not go on then.
        """
        if self._missed() or self._acting:
            self._action(self._message)

    def disarm(self) -> None:
        """End the thread; the next `feed` starts another."""
        with self._changed:
            self._deadline = None
            self._closed = True
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)

    def _missed(self) -> bool:
        """Whether a deadline has passed unnoticed; from then on it counts as noticed."""
        with self._changed:
            if self._deadline is None or time.monotonic() < self._deadline:
                return False
            self._deadline = None
            return True

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._closed or self._thread is not threading.current_thread():
                    return
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                self._deadline = None
                self._acting = True
            self._action(self._message)
            self._acting = False
