"""Calls to vendors that are counted: the metrics, and the plain way without sharing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Histogram

from eso.errors import NoSecretError
from reconcile.metrics import ExactCounter

__all__ = ["DirectCalls", "ProviderCallMetrics", "answer_for"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class ProviderCallMetrics:
    """`externalsecret_provider_api_calls_count` and how long the calls took; one for each process.

    Args:
        registry: where the metrics are exposed.
        clock: seconds; measures durations.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = ExactCounter(
            "externalsecret_provider_api_calls_count",
            "Number of API calls towards the secret provider",
            ["provider", "call", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "externalsecret_provider_api_call_duration_seconds",
            "Duration of API calls towards the secret provider.",
            ["provider", "call"],
            registry=registry,
        )

    async def observed(self, provider: str, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """Make a call and count it: `success` when it returned, `error` when it raised. A cancelled call is not counted."""
        began = self._clock()
        try:
            answer = await send()
        except Exception:
            self._record(provider, call, "error", began)
            raise
        self._record(provider, call, "success", began)
        return answer

    def _record(self, provider: str, call: str, status: str, began: float) -> None:
        self._count.labels(provider, call, status).inc()
        self._seconds.labels(provider, call).observe(self._clock() - began)


class DirectCalls:
    """`ProviderCalls` where each call goes to the vendor by itself; for store validation, generators and tools."""

    def __init__(self, provider: str, metrics: ProviderCallMetrics) -> None:
        self._provider = provider
        self._metrics = metrics

    async def read(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """See `ProviderCalls.read`; nothing is shared."""
        return await self._metrics.observed(self._provider, call, fetch)

    async def read_batched(
        self,
        call: str,
        key: K,
        fetch_many: Callable[[Sequence[K]], Awaitable[Mapping[K, T | Exception]]],
        *,
        limit: int,
        single_call: str = "",
    ) -> T:
        """See `ProviderCalls.read_batched`; each batch holds one key."""
        label = single_call or call
        return answer_for(key, await self._metrics.observed(self._provider, label, lambda: fetch_many((key,))))

    async def write(self, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """See `ProviderCalls.write`."""
        return await self._metrics.observed(self._provider, call, send)


def answer_for(key: K, answers: Mapping[K, T | Exception]) -> T:
    """The answer to one key of a batch.

    Raises:
        NoSecretError: the batch left it out.
        Exception: the error the batch holds for it.
    """
    if key not in answers:
        raise NoSecretError
    answer = answers[key]
    if isinstance(answer, Exception):
        raise answer
    return answer
