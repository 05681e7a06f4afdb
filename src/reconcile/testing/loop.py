"""An event loop in virtual time: when nothing is ready, the clock jumps to the next timer.

A test that waits an hour of loop time runs in milliseconds, and two runs take the same steps. Only code that lives
inside the loop fits: jumping would outrun sockets and threads. A loop with open sockets waits for them until they have
been quiet for `io_grace` real seconds, and one with work in its executor until that is done.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["DeadlockError", "VirtualTimeLoop", "run"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_START = 1_000.0
_OWN_FILES = 1
"""Files that an idle loop watches: its own end of the wake-up socket pair."""


class DeadlockError(RuntimeError):
    """Nothing is ready, no timer is set, and no file is watched: the loop would wait for ever."""


class _JumpingSelector(selectors.BaseSelector):
    """Polls the real selector and moves the clock where a real loop would sleep."""

    def __init__(
        self,
        advance: Callable[[float], None],
        patience: Callable[[], float],
        io_grace: float,
        idle_limit: float,
    ) -> None:
        self._inner = selectors.DefaultSelector()
        self._advance = advance
        self._patience = patience
        self._io_grace = io_grace
        self._idle_limit = idle_limit

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._inner.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        grace = self._idle_limit if timeout is None else 0.0
        if timeout is not None and len(self._inner.get_map()) > _OWN_FILES:
            grace = self._io_grace
        events = self._inner.select(max(grace, self._patience()))
        if events:
            return events
        if timeout is None:
            raise DeadlockError("every task waits for something that nothing in this loop will do")
        self._advance(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` moves only when nothing is left to do.

    Args:
        start: the first value of `time()`, in seconds.
        io_grace: real seconds that open sockets are given before time jumps.
        idle_limit: real seconds that a loop without timers is given before it is called deadlocked; threads other than
            those of `run_in_executor` that report back must do so within them.
        real_limit: real seconds after which time does not jump any more: a loop that only advances its own clock would
            never end by itself. The run ends with TimeoutError.
    """

    def __init__(
        self, *, start: float = _START, io_grace: float = 0.02, idle_limit: float = 1.0, real_limit: float = 30.0
    ) -> None:
        self._now = start
        self._real_limit = real_limit
        self._deadline = time.monotonic() + real_limit
        self._in_threads = 0
        super().__init__(_JumpingSelector(self._jump, self._patience, io_grace, idle_limit))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As in asyncio; time stands still until the work is done."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._leave_thread)
        return future

    def _leave_thread(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As in asyncio; the timeout is not counted, because threads end in real time."""
        self._in_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._in_threads -= 1

    def _patience(self) -> float:
        """Real seconds to wait for threads before time may jump."""
        if not self._in_threads:
            return 0.0
        return max(0.0, min(self._deadline - time.monotonic(), self._real_limit))

    def _jump(self, seconds: float) -> None:
        if time.monotonic() > self._deadline:
            self._deadline = float("inf")  # cancelling what is left may need timers
            raise TimeoutError(f"still running after {self._real_limit:g} real seconds")
        self._now += seconds


def run(main: Coroutine[Any, Any, T], *, start: float = _START, real_limit: float = 30.0) -> T:
    """`asyncio.run` in virtual time.

    Args:
        main: the coroutine to run.
        start: the first value of `loop.time()`, in seconds.
        real_limit: real seconds after which the run is given up.

    Raises:
        DeadlockError: everything waits and nothing will happen.
        TimeoutError: `real_limit` was exceeded.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start=start, real_limit=real_limit)) as runner:
        return runner.run(main)
