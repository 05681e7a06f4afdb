"""The broker: between the controllers and one client of a store.

Equal reads are one call: those under way are joined, answers are reused for as long as whoever asks allows. Reads that can be
batched are. Calls stay within the vendor's budget, wait when it says so, and are held back while it is out. A broker belongs to
one client, so nothing is ever shared between stores, credentials or namespaces.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.stores.batching import WINDOW, Batcher
from eso.stores.circuit import BreakerSettings, CircuitBreaker, State, TokenBucket
from eso.stores.circuits import Circuits
from eso.stores.flights import Flight
from eso.stores.metrics import StoreMetrics
from eso.stores.policy import LONGEST_REUSE, oldest_allowed

__all__ = ["Broker", "BrokerSettings"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_MOST_ANSWERS: Final = 4096


@dataclass(slots=True, eq=False)
class _Admission:
    """A call that passed the circuit of a broker; over when it has ended, also for tasks that it left behind."""

    broker: Broker
    over: bool = False


_WITHIN: Final[ContextVar[_Admission | None]] = ContextVar("eso_admission", default=None)
"""The call that the current code is a part of: a read that signs in first makes two calls, and both are one probe."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How a broker behaves.

    Attributes:
        reuse: seconds an answer is kept; nobody gets an older one.
        negative: seconds a throttled or unanswered read is kept; a refusal is an answer and is kept as values are.
        batch_window: seconds a batch waits for more keys.
        rate: calls per second; None means no limit.
        burst: calls at once.
        longest_wait: seconds a call waits for its turn before it is refused.
        call_timeout: seconds after which a call counts as unanswered, whatever the client's own limits.
        breaker: when to stop calling.
    """

    reuse: float = LONGEST_REUSE
    negative: float = 2.0
    batch_window: float = WINDOW
    rate: float | None = None
    burst: int = 1
    longest_wait: float = 10.0
    call_timeout: float = 120.0
    breaker: BreakerSettings = field(default_factory=BreakerSettings)


class Broker:
    """Shares, batches and limits the calls of one client.

    Args:
        name: of the store, for messages.
        store: kind, namespace and name, for metrics.
        metrics: where calls are counted.
        settings: how it behaves.
        circuits: told about its circuit.
    """

    def __init__(
        self,
        name: str,
        store: tuple[str, str, str],
        metrics: StoreMetrics,
        settings: BrokerSettings | None = None,
        circuits: Circuits | None = None,
    ) -> None:
        settings = settings or BrokerSettings()
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._store = store
        self._metrics = metrics
        self._settings = settings
        self._answers: OrderedDict[Hashable, Flight[Any]] = OrderedDict()
        # Reads that got no answer, and when.
        self._failed: dict[Hashable, float] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._batcher = Batcher(self.send, settings.batch_window)
        self._circuits = circuits if circuits is not None else Circuits(metrics)
        self._breaker = CircuitBreaker(
            name, settings.breaker, self._loop.time, lambda is_open: self._circuits.changed(store, self, is_open)
        )
        self._bucket = TokenBucket(settings.rate, settings.burst, self._loop.time) if settings.rate else None

    @property
    def circuit(self) -> State:
        """State of the circuit breaker."""
        return self._breaker.state

    def calls(self, provider: str) -> BrokeredCalls:
        """`ProviderCalls` of the client, under a metric label."""
        return BrokeredCalls(self, provider)

    async def shared(self, key: Hashable, run: Callable[[], Awaitable[T]]) -> T:
        """The answer to a read: a recent one, that of a read under way, or a new one."""
        now = self._loop.time()
        flight = self._answers.get(key)
        if flight is not None and self._usable(key, flight, now):
            self._metrics.count(self._store, "joined")
        else:
            flight = Flight(run, now)
            self._answers[key] = flight
            self._answers.move_to_end(key)
            self._failed.pop(key, None)
            self._schedule_sweep()
        try:
            return cast(T, await flight.result())
        except (AccessDeniedError, InvalidRequestError, NoSecretError):
            raise
        except Exception:
            self._failed.setdefault(key, self._loop.time())
            raise

    async def batched(
        self, provider: str, call: str, key: Hashable, fetch_many: Any, *, limit: int, single_call: str
    ) -> Any:
        """The answer to one key of a batch; counted as batched when others share the request."""
        if self._batcher.joins(provider, call):
            self._metrics.count(self._store, "batched")
        return await self._batcher.read(provider, call, key, fetch_many, limit=limit, single_call=single_call)

    async def changed(self, send: Callable[[], Awaitable[T]]) -> T:
        """A request that may change what reads answer: nothing read before its end is reused."""
        self._forget()
        try:
            return await send()
        finally:
            self._forget()

    async def send(self, provider: str, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """One vendor request, admitted and counted; one that is a part of another shares its fate with the circuit."""
        outer = _WITHIN.get()
        part = outer is not None and outer.broker is self and not outer.over
        await self._admit(part=part)
        self._metrics.count(self._store, "made")
        if part:
            return await self._metrics.calls.observed(provider, call, lambda: self._limited(send))
        admission = _Admission(self)
        within = _WITHIN.set(admission)
        try:
            answer = await self._metrics.calls.observed(provider, call, lambda: self._limited(send))
        except ThrottledError as err:
            self._breaker.throttled(err)
            raise
        except UnavailableError as err:
            self._breaker.failed(err)
            raise
        except ProviderError:
            self._breaker.succeeded()
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        finally:
            admission.over = True
            _WITHIN.reset(within)
        self._breaker.succeeded()
        return answer

    async def _limited(self, send: Callable[[], Awaitable[T]]) -> T:
        deadline = asyncio.timeout(self._settings.call_timeout)
        try:
            async with deadline:
                return await send()
        except TimeoutError as err:
            raise UnavailableError(f"{self._name}: the provider did not answer in time") from err

    async def _admit(self, *, part: bool) -> None:
        try:
            if self._bucket is not None:
                wait = self._bucket.take()
                if wait > self._settings.longest_wait:
                    self._bucket.give_back()
                    raise ThrottledError(f"{self._name}: too many calls are waiting for the provider", retry_after=wait)
                if wait > 0:
                    await asyncio.sleep(wait)
            if not part:
                self._breaker.admit()
        except (ThrottledError, UnavailableError):
            self._metrics.count(self._store, "refused")
            raise

    def _usable(self, key: Hashable, flight: Flight[Any], now: float) -> bool:
        oldest = max(oldest_allowed(now), now - self._settings.reuse)
        if not flight.joinable or flight.started < oldest:
            return False
        failed = self._failed.get(key)
        return failed is None or now - failed < self._settings.negative

    def _schedule_sweep(self) -> None:
        """Secrets do not stay in memory because nobody asks for them again."""
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._settings.reuse, self._drop_old)
        while len(self._answers) > _MOST_ANSWERS:
            self._failed.pop(self._answers.popitem(last=False)[0], None)

    def _drop_old(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for key, flight in list(self._answers.items()):
            if flight.done and now - flight.started >= self._settings.reuse:
                del self._answers[key]
                self._failed.pop(key, None)
        if self._answers:
            self._schedule_sweep()

    def _forget(self) -> None:
        self._answers.clear()
        self._failed.clear()

    async def close(self) -> None:
        """Cancel reads under way and forget every answer."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for flight in list(self._answers.values()):
            if not flight.done:
                await flight.cancel()
        self._forget()
        # Last: a read that is given up may still report a failure.
        self._circuits.changed(self._store, self, False)


class BrokeredCalls:
    """`ProviderCalls` through a broker."""

    def __init__(self, broker: Broker, provider: str) -> None:
        self._broker = broker
        self._provider = provider

    async def read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """See `ProviderCalls.read`."""
        broker, provider = self._broker, self._provider
        return await broker.shared((provider, call, key), lambda: broker.send(provider, call, fetch))

    async def read_batched(
        self,
        call: str,
        key: K,
        fetch_many: Callable[[Sequence[K]], Awaitable[Mapping[K, T | Exception]]],
        *,
        limit: int,
        single_call: str = "",
    ) -> T:
        """See `ProviderCalls.read_batched`."""
        broker, provider = self._broker, self._provider
        answer = await broker.shared(
            (provider, call, key),
            lambda: broker.batched(provider, call, key, fetch_many, limit=limit, single_call=single_call),
        )
        return cast(T, answer)

    async def write(self, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """See `ProviderCalls.write`."""
        broker, provider = self._broker, self._provider
        return await broker.changed(lambda: broker.send(provider, call, send))
