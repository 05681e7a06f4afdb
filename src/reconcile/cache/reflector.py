"""List, watch, and start again: keeps a copy of one collection in step with the API server, for ever."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import aclosing
from typing import Protocol

import msgspec

from reconcile.client import listing
from reconcile.client.listing import IdleLimit, Scope, SilentError
from reconcile.client.transport import Transport
from reconcile.client.wire import MalformedError, RawEvent
from reconcile.errors import (
    APIError,
    BadRequestError,
    GoneError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    ReconcileError,
    TransportError,
)
from reconcile.metrics import CacheMetrics
from reconcile.tracebacks import frames_of

__all__ = ["Reflector", "Sink"]

_LOG = logging.getLogger(__name__)
# client-go's reflector: 800 ms doubling to 30 s.
_BACKOFF, _BACKOFF_CAP = 0.8, 30.0
# A server that knows streaming lists answers at once; one that ignores the parameter never ends the list.
_STREAM_PATIENCE = 10.0
# A watch that ends at once without an event is a failure, whatever it says.
_SHORT_WATCH = 1.0
# So many failures in a row that may be the version's fault, and the next try starts from a list.
_SUSPICIONS = 3
_PAGE = 500
_INITIAL_END = "k8s.io/initial-events-end"
_UNSUSPICIOUS = frozenset({401, 403, 404, 429, 502, 503})


class Sink(Protocol):
    """Where the copy is kept."""

    def begin(self, version: str) -> None:
        """A list starts, after `version` was seen; an unfinished one before it is void."""
        ...

    def present(self, body: bytes | msgspec.Raw, listing: bool) -> str:
        """An object is there; `listing` while a list is under way. Returns its resource version."""
        ...

    def gone(self, body: bytes | msgspec.Raw, listing: bool) -> str:
        """An object went away; `listing` while a list is under way. Returns the resource version of that."""
        ...

    def commit(self, version: str) -> None:
        """The list is complete as of `version`: what it did not show is gone."""
        ...


class _Metadata(msgspec.Struct):
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct):
    metadata: _Metadata


class Reflector:
    """Feeds a sink; `run` never returns and survives everything but cancellation.

    Args:
        transport: the way to the API server.
        scope: which objects.
        sink: told of every object.
        streaming: list by watching (`sendInitialEvents`); falls back to pages by itself.
        page_size: objects per page of a paged list.
        idle_timeout: seconds without a byte after which a watch counts as dead.
        metrics: where lists and failures are counted.

    Attributes:
        synced: set after the first complete list.
        settled: set when the first list is complete or the API server says that it does not know the kind.
        available: False while the API server does not know the kind.
        version: where the watch stands; empty when a list is needed.
        newest: the newest version that the copy reflects; kept when a list is needed.
        last_contact: `loop.time()` of the last answer, event or bookmark; None before the first.
        last_try: `loop.time()` of the last sign that this task does something; None before `run`.
        failures: failures since the last event or complete list.
        last_error: what failed last, None while all is well.
    """

    def __init__(
        self,
        transport: Transport,
        scope: Scope,
        sink: Sink,
        *,
        streaming: bool = True,
        page_size: int = _PAGE,
        idle_timeout: float = listing.IDLE_TIMEOUT,
        metrics: CacheMetrics | None = None,
    ) -> None:
        self._transport = transport
        self._scope = scope
        self._sink = sink
        self._streaming = streaming
        self._page_size = page_size
        self._idle_timeout = idle_timeout
        self._metrics = metrics
        self._kind = str(scope.resource)
        self.newest = ""
        self._suspicions = 0
        self.synced = asyncio.Event()
        self.settled = asyncio.Event()
        self.available = True
        self.version = ""
        self.last_contact: float | None = None
        self.last_try: float | None = None
        self.failures = 0
        self.last_error: Exception | None = None

    async def run(self) -> None:
        """Keep the copy in step until cancelled; every failure is logged, counted, and tried again."""
        while True:
            self.last_try = asyncio.get_running_loop().time()
            try:
                await self._step()
            except ReconcileError as err:
                await self._pause(err)
            except Exception as err:  # noqa: BLE001 - the worker boundary: a bug below must not end the watch
                _LOG.error("watch of %s: unexpected failure\n%s", self._scope, frames_of(err))
                self.version = ""
                await self._pause(err)

    async def _step(self) -> None:
        if self.version:
            await self._watch()
        elif self._streaming:
            try:
                await self._streaming_list()
            except (BadRequestError, InvalidError, MethodNotAllowedError, SilentError) as err:
                if self.version:
                    raise
                _LOG.info("%s: no streaming lists here (%s), listing pages instead", self._scope, type(err).__name__)
                self._streaming = False
        else:
            await self._list()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        started, seen = loop.time(), False
        events = listing.watch(
            self._transport, self._scope, resource_version=self.version, idle=IdleLimit(self._idle_timeout)
        )
        async with aclosing(events):
            async for event in events:
                seen = True
                self._handle(event, syncing=False)
        if not seen and loop.time() - started < _SHORT_WATCH:
            raise TransportError(f"the watch of {self._scope} ended at once")

    async def _streaming_list(self) -> None:
        """One watch that starts with the objects as they are, and goes on as a normal one."""
        self._sink.begin(self.newest)
        syncing = True
        idle = IdleLimit(min(_STREAM_PATIENCE, self._idle_timeout))
        events = listing.watch(self._transport, self._scope, initial_events=True, idle=idle)
        async with aclosing(events):
            async for event in events:
                syncing = self._handle(event, syncing=syncing)
                if not syncing:
                    idle.seconds = self._idle_timeout
        if syncing:
            raise TransportError(f"the streaming list of {self._scope} ended before it was complete")

    async def _list(self) -> None:
        self._sink.begin(self.newest)
        token, limit = "", self._page_size
        while True:
            try:
                page = await listing.list_page(self._transport, self._scope, limit=limit, continue_token=token)
            except GoneError:
                if not token:
                    raise
                # The snapshot of the pages is compacted: everything at once, as client-go does.
                self._sink.begin(self.newest)
                token, limit = "", 0
                continue
            self._heard()
            for item in page.items or ():
                self._sink.present(item, True)
            token = page.metadata.continue_
            if not token:
                break
            # One page can take milliseconds to parse: let others run between two.
            await asyncio.sleep(0)
        self._commit(page.metadata.resource_version)

    def _handle(self, event: RawEvent, *, syncing: bool) -> bool:
        """Apply one event; returns whether a streaming list is still incomplete."""
        self._heard()
        if event.type in ("ADDED", "MODIFIED"):
            version = self._sink.present(event.object, syncing)
        elif event.type == "DELETED":
            version = self._sink.gone(event.object, syncing)
        elif event.type == "BOOKMARK":
            metadata = _bookmark(event.object)
            version = metadata.resource_version
            if syncing and (metadata.annotations or {}).get(_INITIAL_END) == "true":
                self._commit(version)
                return False
        else:
            raise MalformedError(f"the watch of {self._scope} sent an event of unknown type")
        if not syncing:
            self._advance(version)
        return syncing

    def _commit(self, version: str) -> None:
        self._sink.commit(version)
        self._advance(version)
        self.available = True
        self.synced.set()
        self.settled.set()
        if self._metrics is not None:
            self._metrics.lists.labels(self._kind).inc()

    def _advance(self, version: str) -> None:
        if version:
            self.version = self.newest = version
        self.failures = self._suspicions = 0
        self.last_error = None

    def _heard(self) -> None:
        self.last_contact = self.last_try = asyncio.get_running_loop().time()

    async def _pause(self, err: Exception) -> None:
        self.failures += 1
        again = isinstance(self.last_error, GoneError)
        self.last_error = err
        if self._metrics is not None:
            self._metrics.failures.labels(self._kind, type(err).__name__).inc()
        self._log(err)
        if self._is_suspect(err):
            self.version = ""
        delay = min(_BACKOFF_CAP, _BACKOFF * 2.0 ** min(self.failures - 1, 10)) * random.uniform(0.5, 1.0)
        if isinstance(err, GoneError) and not again:
            # Normal after a quiet spell or a restart of the server: list at once. Again right after it: wait.
            delay = 0.0
        if isinstance(err, APIError):
            self._heard()
        if isinstance(err, APIError) and err.retry_after:
            delay = max(delay, min(err.retry_after, 10 * _BACKOFF_CAP))
        if isinstance(err, NotFoundError):
            self.available = False
            self.settled.set()
        await asyncio.sleep(delay)

    def _is_suspect(self, err: Exception) -> bool:
        """Whether the next try should start from a list: it costs the server more, but cures a bad version."""
        if isinstance(err, GoneError | NotFoundError):
            return True
        if isinstance(err, APIError) and any(cause.get("reason") == "ResourceVersionTooLarge" for cause in err.causes):
            # Ahead of the server: a cluster restored from a backup, or a replica that lags behind.
            return True
        if isinstance(err, MalformedError) or (isinstance(err, APIError) and err.status not in _UNSUSPICIOUS):
            self._suspicions += 1
        return self._suspicions >= _SUSPICIONS

    def _log(self, err: Exception) -> None:
        if isinstance(err, NotFoundError):
            if self.available:
                _LOG.warning("%s is not known to the API server; looking for it from time to time", self._scope)
        elif isinstance(err, GoneError) and self.failures == 1:
            _LOG.info("watch of %s: the version is too old, listing again", self._scope)
        else:
            _LOG.warning("watch of %s failed %d times: %s", self._scope, self.failures, err)


def _bookmark(body: msgspec.Raw) -> _Metadata:
    try:
        return msgspec.json.decode(body, type=_Bookmark).metadata
    except msgspec.DecodeError as err:
        raise MalformedError("the API server sent a bookmark without a version") from err
