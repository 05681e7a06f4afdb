"""Holding back: a circuit breaker and a token bucket, one of each for every client of a store."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from eso.errors import ThrottledError, UnavailableError

__all__ = ["BreakerSettings", "CircuitBreaker", "TokenBucket"]

State = Literal["closed", "open", "half-open"]

_THROTTLE_BASE: Final = 1.0
_THROTTLE_CAP: Final = 60.0


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When to stop calling a provider that does not answer, and when to try again.

    Attributes:
        failures: outages in a row that open the circuit.
        base: seconds it stays open the first time; doubled each time the probe fails.
        cap: seconds it stays open at most.
    """

    failures: int = 5
    base: float = 2.0
    cap: float = 60.0


class CircuitBreaker:
    """Refuses calls while a provider is out, lets one probe through when the time is up.

    Only outages count: an answer of any kind, `not found` and `denied` included, closes it. A provider that throttles is left
    alone for as long as it asked for, or with growing pauses.

    Args:
        name: of the store, for messages.
        settings: when to open.
        clock: loop time.
        changed: told when it opens and closes.
    """

    def __init__(
        self, name: str, settings: BreakerSettings, clock: Callable[[], float], changed: Callable[[bool], None]
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._changed = changed
        self._failures = 0
        self._opened = 0
        self._open_until = 0.0
        self._probing = False
        self._throttles = 0
        self._quiet_until = 0.0

    @property
    def state(self) -> State:
        """`closed`: calls go through; `open`: they are refused; `half-open`: one probe may go."""
        if not self._opened:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    def admit(self) -> None:
        """Let a call pass; its outcome must be reported.

        Raises:
            UnavailableError: the circuit is open.
            ThrottledError: the provider asked to wait.
        """
        now = self._clock()
        if now < self._quiet_until:
            wait = self._quiet_until - now
            raise ThrottledError(f"{self._name}: the provider asked to slow down", retry_after=wait)
        if self._opened:
            if now < self._open_until or self._probing:
                wait = max(self._open_until - now, self._settings.base)
                raise UnavailableError(
                    f"{self._name}: the provider does not answer, calls are held back", retry_after=wait
                )
            self._probing = True

    def succeeded(self) -> None:
        """The provider answered, whatever it said."""
        self._failures = self._throttles = 0
        self._probing = False
        if self._opened:
            self._opened = 0
            self._changed(False)

    def failed(self, err: UnavailableError) -> None:
        """The provider gave no answer, or failed."""
        self._failures += 1
        self._probing = False
        if self._opened or self._failures >= self._settings.failures:
            pause = min(self._settings.base * 2.0 ** min(self._opened, 16), self._settings.cap)
            # Jitter, so that probes of many stores of one provider do not come at once.
            pause = max(pause * random.uniform(0.8, 1.2), err.retry_after or 0.0)
            self._open_until = self._clock() + pause
            self._opened += 1
            self._changed(True)

    def throttled(self, err: ThrottledError) -> None:
        """The provider asked to slow down."""
        self._probing = False
        pause = min(_THROTTLE_BASE * 2.0 ** min(self._throttles, 16), _THROTTLE_CAP) * random.uniform(0.8, 1.2)
        self._throttles += 1
        self._quiet_until = max(
            self._quiet_until, self._clock() + (pause if err.retry_after is None else err.retry_after)
        )

    def abandoned(self) -> None:
        """The call was cancelled: nothing is known."""
        self._probing = False


class TokenBucket:
    """Calls per second with a burst.

    Args:
        rate: calls per second.
        burst: calls at once.
        clock: loop time.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("rate and burst must be positive")
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def take(self) -> float:
        """Take a token, on credit if there is none; seconds to wait before using it."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)

    def give_back(self) -> None:
        """Return a token that was not used."""
        self._tokens += 1.0
