"""How long a key waits before its next try: pure arithmetic over a clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

__all__ = ["ExponentialLimiter", "MaxOfLimiter", "RateLimiter", "TokenBucketLimiter", "default_limiter"]

K = TypeVar("K", bound=Hashable)
_K = TypeVar("_K", bound=Hashable, contravariant=True)


class RateLimiter(Protocol[_K]):
    """Decides the delay before a key is tried again."""

    def when(self, key: _K) -> float:
        """Count one more failure of the key and return the seconds to wait."""
        ...

    def forget(self, key: _K) -> None:
        """The key succeeded: its next failure counts as the first."""
        ...

    def retries(self, key: _K) -> int:
        """How many failures of the key are counted."""
        ...


class ExponentialLimiter(RateLimiter[K]):
    """Per key: `base`, then twice as long after every failure, up to `cap`.

    Args:
        base: seconds before the second try.
        cap: the longest delay in seconds. Source of 1 s and 420 s (7 min): the rate limiter that ESO gives to its controllers.
    """

    def __init__(self, base: float = 1.0, cap: float = 420.0) -> None:
        if base <= 0 or cap < base:
            raise ValueError(f"need 0 < base <= cap, got base={base} cap={cap}")
        self.base = base
        self.cap = cap
        self._failures: dict[K, int] = {}

    def when(self, key: K) -> float:
        """`base * 2 ** failures`, at most `cap` seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2 ** 1024 does not fit a float: stop long before it.
        return min(self.cap, self.base * 2.0 ** min(failures, 64))

    def forget(self, key: K) -> None:
        """Drop the key's failures."""
        self._failures.pop(key, None)

    def retries(self, key: K) -> int:
        """Failures since the last `forget`."""
        return self._failures.get(key, 0)


class TokenBucketLimiter(RateLimiter[K]):
    """For all keys together: `rate` retries a second after a burst of `burst`.

    Every call reserves a token, so that callers wait behind each other.

    Args:
        rate: tokens added each second.
        burst: tokens of a full bucket.
        clock: seconds of a monotonic clock, usually `loop.time`.
    """

    def __init__(self, rate: float = 10.0, burst: int = 100, *, clock: Callable[[], float]) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"need rate > 0 and burst >= 1, got rate={rate} burst={burst}")
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def when(self, key: K) -> float:
        """Take one token; the seconds until it exists."""
        del key
        self._refill()
        self._tokens -= 1.0
        return 0.0 if self._tokens >= 0 else -self._tokens / self.rate

    def try_take(self) -> bool:
        """Take one token if there is one now."""
        self._refill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def forget(self, key: K) -> None:
        """Nothing to forget: the bucket does not know keys."""

    def retries(self, key: K) -> int:
        """Always 0: the bucket does not know keys."""
        del key
        return 0

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(float(self.burst), self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now


class MaxOfLimiter(RateLimiter[K]):
    """The longest delay that any of several limiters asks for."""

    def __init__(self, *limiters: RateLimiter[K]) -> None:
        if not limiters:
            raise ValueError("MaxOfLimiter needs at least one limiter")
        self._limiters = limiters

    def when(self, key: K) -> float:
        """Ask all of them, so that each counts the failure."""
        return max([limiter.when(key) for limiter in self._limiters])

    def forget(self, key: K) -> None:
        """Forget the key in all of them."""
        for limiter in self._limiters:
            limiter.forget(key)

    def retries(self, key: K) -> int:
        """The highest count."""
        return max(limiter.retries(key) for limiter in self._limiters)


def default_limiter(clock: Callable[[], float]) -> MaxOfLimiter[Hashable]:
    """Exponential 1 s to 420 s per key, and 10 retries a second (burst 100) over all keys."""
    return MaxOfLimiter(ExponentialLimiter(), TokenBucketLimiter(clock=clock))
