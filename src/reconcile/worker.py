"""The worker boundary: one reconcile at a time, and every way it can end leads somewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from reconcile.api.request import Request
from reconcile.errors import APIError, RetryError, TerminalError
from reconcile.flightrecorder import FlightRecorder, Run
from reconcile.log import RequestIdentity, request_scope
from reconcile.metrics import ControllerMetrics
from reconcile.tracebacks import Locate
from reconcile.workqueue import Priority, QueueShutDownError, WorkQueue

__all__ = ["Reconcile", "Result", "WorkerPool"]

_LOG = logging.getLogger("reconcile.controller")

# Classes of error that say the program is wrong, not the world; controller-runtime counts the like as panics.
_BUGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    NameError,
    ReferenceError,
    RuntimeError,
    TypeError,
)


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconcile that did not fail goes on.

    Attributes:
        requeue_after: run again in so many seconds, or earlier if an event comes.
        requeue: run again after the delay of a failure, without counting as one.
        priority: the class of the next run; `PERIODIC` for `requeue_after`, `RETRY` for `requeue`.
    """

    requeue_after: float | None = None
    requeue: bool = False
    priority: Priority | None = None


Reconcile = Callable[[Request], Awaitable[Result | None]]


class _StrayCancelError(Exception):
    """The reconcile let out a CancelledError though nobody cancelled it."""


class WorkerPool:
    """Runs `reconcile` for what the queue hands out.

    Args:
        name: the controller's.
        reconcile: what to run.
        queue: where requests come from and go back to.
        flights: where runs are recorded.
        metrics: where they are counted.
        timeout: seconds for one run; None for no limit.
        describe: turns an exception into the text that is logged.
        locate: says where it came from.
        owns: whether a key may be worked on here.
        aside: takes those that may not.
    """

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        queue: WorkQueue[Request],
        flights: FlightRecorder,
        metrics: ControllerMetrics,
        *,
        timeout: float | None,
        describe: Callable[[BaseException], str],
        locate: Locate,
        owns: Callable[[Request], bool] | None = None,
        aside: Callable[[Request], None] | None = None,
    ) -> None:
        self._name = name
        self._reconcile = reconcile
        self._queue = queue
        self._flights = flights
        self._timeout = timeout
        self._describe = describe
        self._locate = locate
        self._owns = owns
        self._aside = aside
        self._runs = count(1)
        self._asked_for: set[Request] = set()
        self._clock = asyncio.get_running_loop().time
        self._results = {
            result: metrics.total.labels(name, result) for result in ("success", "error", "requeue", "requeue_after")
        }
        self._errors = metrics.errors.labels(name)
        self._terminal = metrics.terminal_errors.labels(name)
        self._panics = metrics.panics.labels(name)
        self._timeouts = metrics.timeouts.labels(name)
        self._seconds = metrics.seconds.labels(name)
        self._active = metrics.active_workers.labels(name)
        self._hot_loops = metrics.hot_loops.labels(name)

    async def run(self, workers: int) -> None:
        """Work with so many reconciles in flight until the queue is shut down and empty.

        Cancellation cancels the reconciles in flight.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(), name=f"{self._name}-worker-{number}")

    async def _work(self) -> None:
        while True:
            try:
                request = await self._queue.get()
            except QueueShutDownError:
                return
            if self._owns is not None and not self._owns(request):
                # The replica that owns it has it in its queue, or takes it over when all agree that it does.
                if self._aside is not None:
                    self._aside(request)
                self._queue.forget(request)
                self._queue.done(request)
                continue
            self._active.inc()
            try:
                await self._run_one(request)
            finally:
                self._active.dec()
                self._queue.done(request)

    async def _run_one(self, request: Request) -> None:
        started = self._clock()
        reason = self._flights.reason(request)
        asked_for = request in self._asked_for
        self._asked_for.discard(request)
        with request_scope(RequestIdentity(self._name, request, next(self._runs))):
            try:
                outcome = self._succeeded(request, await self._attempt(request))
            except Exception as error:  # noqa: BLE001 - the one place where any error must end up as a retry
                outcome = self._failed(request, error)
            seconds = self._clock() - started
            self._seconds.observe(seconds)
            if self._flights.finished(request, Run(reason, started, seconds, outcome), asked_for=asked_for):
                self._hot_loops.inc()
                _LOG.warning(
                    "%s: %s is reconciled over and over without a change of its spec; last reason: %s",
                    self._name,
                    request,
                    reason,
                )

    async def _attempt(self, request: Request) -> Result:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await self._reconcile(request) or Result()
        except TimeoutError:
            if limit.expired():
                self._timeouts.inc()
            raise
        except asyncio.CancelledError as err:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # A task inside the reconcile was cancelled, not this worker: without this the worker would die unseen.
            raise _StrayCancelError("the reconcile function ended with a CancelledError nobody asked for") from err

    def _succeeded(self, request: Request, result: Result) -> str:
        queue = self._queue
        if result.requeue_after is not None:
            queue.forget(request)
            priority = Priority.PERIODIC if result.priority is None else result.priority
            queue.add_after(request, result.requeue_after, priority)
            self._planned(request, f"requeue after {result.requeue_after:g} s", asked_for=result.requeue_after >= 1)
            self._results["requeue_after"].inc()
            return "requeue_after"
        if result.requeue:
            queue.add_rate_limited(request, Priority.RETRY if result.priority is None else result.priority)
            self._planned(request, "requeue")
            self._results["requeue"].inc()
            return "requeue"
        queue.forget(request)
        self._results["success"].inc()
        return "success"

    def _failed(self, request: Request, error: Exception) -> str:
        self._errors.inc()
        self._results["error"].inc()
        kind = type(error).__name__
        if isinstance(error, TerminalError):
            self._terminal.inc()
            self._queue.forget(request)
            _LOG.error("%s: %s failed and waits for a change: %s", self._name, request, self._describe(error))
            return f"terminal error: {kind}"
        at_least = (error.retry_after or 0.0) if isinstance(error, APIError | RetryError) else 0.0
        delay = self._queue.add_rate_limited(request, at_least=at_least)
        self._planned(request, f"retry {self._queue.retries(request)} after {kind}")
        is_bug = isinstance(error, _BUGS)
        if is_bug:
            self._panics.inc()
        _LOG.error(
            "%s: %s failed%s, next try in %.1f s: %s: %s%s",
            self._name,
            request,
            " by a programming error" if is_bug else "",
            delay,
            kind,
            self._describe(error),
            self._locate(error),
        )
        return f"error: {kind}"

    def _planned(self, request: Request, reason: str, *, asked_for: bool = False) -> None:
        # An event that came while the reconcile ran is the nearer reason.
        if request in self._queue:
            return
        self._flights.queued(request, reason)
        if asked_for:
            self._asked_for.add(request)
