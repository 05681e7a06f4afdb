"""What happened to each object lately: why it was queued, how its last runs ended. Holds no values of objects."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from reconcile.api.request import Request

__all__ = ["Flight", "FlightRecorder", "Run"]

_MINUTE = 60.0


class Run(NamedTuple):
    """One run.

    Attributes:
        reason: why the object was queued.
        started: seconds of the loop's clock.
        seconds: how long it took.
        result: how it ended, in words or as an exception's class.
    """

    reason: str
    started: float
    seconds: float
    result: str


@dataclass(slots=True)
class Flight:
    """The track of one object.

    Attributes:
        reason: why it was queued last.
        runs: the latest runs, oldest first.
        total: runs since the process started.
        window_start: start of the minute in which `in_window` runs without a change of the spec were counted.
        in_window: those runs.
        reported: whether the minute was reported as a hot loop.
    """

    runs: tuple[Run, ...] = ()
    reason: str = ""
    total: int = 0
    window_start: float = 0.0
    in_window: int = 0
    reported: bool = False


class FlightRecorder:
    """A ring of runs per object, for the objects that ran most recently.

    Args:
        objects: how many objects are remembered.
        runs: how many runs of each.
        hot_loop: more runs than this in one minute, without a change of the spec and without being asked for by
            `requeue_after`, are a hot loop.
    """

    def __init__(self, *, objects: int = 4096, runs: int = 4, hot_loop: int = 30) -> None:
        self._objects = objects
        self._runs = runs
        self._hot_loop = hot_loop
        self._flights: OrderedDict[Request, Flight] = OrderedDict()

    def queued(self, request: Request, reason: str, *, spec_changed: bool = False) -> None:
        """The object was put in the queue, or would have been if it were not there already."""
        flight = self._flight(request)
        flight.reason = reason
        if spec_changed:
            flight.in_window = 0
            flight.reported = False

    def reason(self, request: Request) -> str:
        """Why the object was queued last; empty when it is not remembered."""
        flight = self._flights.get(request)
        return "" if flight is None else flight.reason

    def finished(self, request: Request, run: Run, *, asked_for: bool) -> bool:
        """A run ended. Returns whether the object has become a hot loop, once per minute.

        Args:
            request: the object.
            run: the run, with the reason that stood when it began.
            asked_for: the reconciler itself asked for this run at this time.
        """
        flight = self._flight(request)
        # A tuple of four: a deque takes ten times the memory, and there are thousands.
        flight.runs = (*flight.runs[-self._runs + 1 :], run) if self._runs > 1 else (run,)
        flight.total += 1
        started = run.started
        if asked_for:
            return False
        if started - flight.window_start >= _MINUTE:
            flight.window_start, flight.in_window, flight.reported = started, 0, False
        flight.in_window += 1
        if flight.in_window <= self._hot_loop or flight.reported:
            return False
        flight.reported = True
        return True

    def flight(self, request: Request) -> Flight | None:
        """The track of the object; None when it is not remembered."""
        return self._flights.get(request)

    def requests(self) -> list[Request]:
        """The objects that are remembered, most recent last."""
        return list(self._flights)

    def _flight(self, request: Request) -> Flight:
        flight = self._flights.get(request)
        if flight is None:
            flight = self._flights[request] = Flight()
            if len(self._flights) > self._objects:
                self._flights.popitem(last=False)
        else:
            self._flights.move_to_end(request)
        return flight
