"""What happens between a call and the wire: limits, retries, metrics."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from reconcile.client.rest import retry_after
from reconcile.client.transport import NotSentError, Response, Stream, Transport
from reconcile.errors import TransportError
from reconcile.metrics import ClientMetrics
from reconcile.workqueue.limiters import TokenBucketLimiter

__all__ = ["RetryPolicy", "RetryingTransport"]

_APPLY = "application/apply-patch+yaml"
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_SERVER_FAILURES = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after how long a request is sent again.

    Attributes:
        attempts: requests sent for one call at most.
        base: seconds before the second one; doubles.
        cap: longest wait of ours in seconds.
        patience: a server that asks for a longer wait than this many seconds gets its error passed on.
    """

    attempts: int = 5
    base: float = 0.1
    cap: float = 5.0
    patience: float = 30.0

    def delay(self, attempt: int, asked: float | None) -> float | None:
        """Seconds before the next request after `attempt` failed ones; None to give up."""
        if attempt >= self.attempts or (asked is not None and asked > self.patience):
            return None
        # Full jitter would allow no wait at all, which an overloaded server does not survive.
        own = min(self.cap, self.base * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        return own if asked is None else asked + own


class RetryingTransport:
    """Another transport with retries, an optional rate limit, and metrics.

    Sent again are: whatever the server refused with 429, or with 5xx and a Retry-After, for it was not executed;
    repeatable requests (reads, PUT, DELETE, server-side apply) on 500, 502, 503 and 504; reads whose connection broke;
    and anything that never left. A create is never sent twice on a guess.

    Args:
        inner: carries the requests.
        policy: how often, after how long.
        qps: requests per second on average; None for no limit.
        burst: requests at once when `qps` is set; twice `qps` when None.
        metrics: where requests are counted.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        policy: RetryPolicy | None = None,
        qps: float | None = None,
        burst: int | None = None,
        metrics: ClientMetrics | None = None,
    ) -> None:
        self._inner = inner
        self._policy = policy or RetryPolicy()
        self._qps = qps
        self._burst = burst or max(1, int(2 * (qps or 0)))
        self._limiter: TokenBucketLimiter[str] | None = None
        self._metrics = metrics

    @property
    def host(self) -> str:
        """`host:port` of the inner transport."""
        return self._inner.host

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        """Send one request, again if that is safe and may help; `timeout` counts for each attempt.

        Raises:
            TransportError: there was no complete answer.
        """
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            attempt += 1
            await self._throttle(method)
            started = loop.time()
            response: Response | None = None
            failure: TransportError | None = None
            try:
                response = await self._inner.request(
                    method, path, query=query, body=body, content_type=content_type, accept=accept, timeout=timeout
                )
            except TransportError as err:
                failure = err
            self._count(method, response.status if response else None, loop.time() - started)
            delay: float | None = None
            if _may_repeat(method, content_type, response, failure):
                asked = retry_after(response.headers) if response else None
                delay = self._policy.delay(attempt, asked)
            if delay is not None:
                await asyncio.sleep(delay)
            elif response is not None:
                return response
            elif failure is not None:
                raise failure

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> AsyncIterator[Stream]:
        """Open a stream once: whoever reads one knows best where to resume.

        Raises:
            TransportError: the connection could not be made.
        """
        await self._throttle(method)
        loop = asyncio.get_running_loop()
        started = loop.time()
        opened = False
        try:
            async with self._inner.stream(method, path, query=query, accept=accept, timeout=timeout) as stream:
                opened = True
                self._count(method, stream.status, loop.time() - started)
                yield stream
        except TransportError:
            if not opened:
                self._count(method, None, loop.time() - started)
            raise

    async def close(self) -> None:
        """Close the inner transport."""
        await self._inner.close()

    async def _throttle(self, method: str) -> None:
        if self._qps is None:
            return
        loop = asyncio.get_running_loop()
        if self._limiter is None:
            self._limiter = TokenBucketLimiter(self._qps, self._burst, clock=loop.time)
        delay = self._limiter.when("")
        if delay > 0:
            await asyncio.sleep(delay)
        if self._metrics is not None:
            self._metrics.throttled.labels(method, self.host).observe(delay)

    def _count(self, method: str, status: int | None, seconds: float) -> None:
        if self._metrics is not None:
            self._metrics.observe(method, self.host, status, seconds)


def _may_repeat(method: str, content_type: str, response: Response | None, failure: TransportError | None) -> bool:
    if response is None:
        return isinstance(failure, NotSentError) or method in ("GET", "HEAD")
    if response.status == 429:
        return True
    if response.status not in _SERVER_FAILURES:
        return False
    repeatable = method in _REPEATABLE or content_type == _APPLY
    return repeatable or retry_after(response.headers) is not None
