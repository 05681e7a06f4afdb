"""List, watch, and start again: keeps a copy of one collection in step with the API server, for ever."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import aclosing
from typing import Protocol

import msgspec

from reconcile.client import listing
from reconcile.client.listing import Scope
from reconcile.client.transport import Transport
from reconcile.client.wire import RawEvent
from reconcile.errors import (
    GoneError,
    ReconcileError,
    TransportError,
)

__all__ = ["Reflector", "Sink"]

_LOG = logging.getLogger(__name__)
# client-go's reflector: 800 ms doubling to 30 s.
_BACKOFF, _BACKOFF_CAP = 0.8, 30.0
# A server that knows streaming lists answers at once; one that ignores the parameter never ends the list.
_STREAM_PATIENCE = 10.0
# A watch that ends at once without an event is a failure, whatever it says.
_SHORT_WATCH = 1.0
# The same version failing this often in a row: perhaps it is the version, start from a list.
_GIVE_UP = 4
_PAGE = 500
_INITIAL_END = "k8s.io/initial-events-end"


class Sink(Protocol):
    """Where the copy is kept."""

    def begin(self, version: str) -> None:
        """A list starts; an unfinished one before it is void."""
        ...

    def present(self, body: bytes | msgspec.Raw, listing: bool) -> str:
        """An object is there; `listing` while a list is under way. Returns its resource version."""
        ...

    def gone(self, body: bytes | msgspec.Raw) -> str:
        """An object went away. Returns the resource version of that."""
        ...

    def commit(self, version: str) -> None:
        """The list is complete as of `version`: what it did not show is gone."""
        ...


class _Bookmark(msgspec.Struct):
    class Metadata(msgspec.Struct):
        resource_version: str = msgspec.field(default="", name="resourceVersion")
        annotations: dict[str, str] | None = None

    metadata: Metadata


class Reflector:
    """Feeds a sink; `run` never returns and survives everything but cancellation.

    Args:
        transport: the way to the API server.
        scope: which objects.
        sink: told of every object.
        streaming: list by watching (`sendInitialEvents`); falls back to pages by itself.
        page_size: objects per page of a paged list.
        idle_timeout: seconds without a byte after which a watch counts as dead.

    Attributes:
        synced: set after the first complete list.
        available: False while the API server does not know the kind.
        version: where the watch stands; empty when a list is needed.
        last_contact: `loop.time()` of the last answer or event; None before the first.
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
    ) -> None:
        self._transport = transport
        self._scope = scope
        self._sink = sink
        self._streaming = streaming
        self._page_size = page_size
        self._idle_timeout = idle_timeout
        self.synced = asyncio.Event()
        self.available = True
        self.version = ""
        self._newest = ""
        self.last_contact: float | None = None
        self.failures = 0
        self.last_error: Exception | None = None

    async def run(self) -> None:
        """Keep the copy in step until cancelled; every failure is logged, counted, and tried again."""
        while True:
            try:
                await self._step()
            except GoneError as err:
                # The first time is normal after a quiet spell: list at once. Again without an event between: wait.
                self._forget_version()
                await self._pause(err, at_once=self.failures == 0)
            except ReconcileError as err:
                await self._pause(err)
            except Exception as err:  # noqa: BLE001 - the worker boundary: a bug in a sink must not stop the watch
                _LOG.exception("watch of %s: unexpected failure", self._scope)
                self._forget_version()
                await self._pause(err)

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if self.version:
            seen = await self._follow(initial=False)
        elif self._streaming:
            seen = await self._follow(initial=True)
        else:
            await self._list()
            return
        if not seen and loop.time() - started < _SHORT_WATCH:
            raise TransportError(f"the watch of {self._scope} ended at once")

    async def _list(self) -> None:
        self._sink.begin(self._newest)
        token, limit = "", self._page_size
        while True:
            try:
                page = await listing.list_page(self._transport, self._scope, limit=limit, continue_token=token)
            except GoneError:
                if not token:
                    raise
                # The snapshot of the pages is compacted: everything at once, as client-go does.
                self._sink.begin(self._newest)
                token, limit = "", 0
                continue
            self._heard()
            for item in page.items or ():
                self._sink.present(item, True)
            token = page.metadata.continue_
            if not token:
                break
        self._commit(page.metadata.resource_version)

    async def _follow(self, *, initial: bool) -> bool:
        """One watch; returns whether it carried anything."""
        seen = False
        syncing = initial
        if initial:
            self._sink.begin(self._newest)
        events = listing.watch(
            self._transport,
            self._scope,
            resource_version=self.version,
            initial_events=initial,
            idle_timeout=_STREAM_PATIENCE if initial else self._idle_timeout,
        )
        async with aclosing(events):
            async for event in events:
                seen = True
                syncing = self._handle(event, syncing)
        if syncing:
            raise TransportError(f"the streaming list of {self._scope} ended before it was complete")
        return seen

    def _handle(self, event: RawEvent, syncing: bool) -> bool:
        """Apply one event; returns whether the streaming list is still incomplete."""
        if event.type in ("ADDED", "MODIFIED"):
            version = self._sink.present(event.object, syncing)
        elif event.type == "DELETED":
            version = self._sink.gone(event.object)
        elif event.type == "BOOKMARK":
            metadata = msgspec.json.decode(event.object, type=_Bookmark).metadata
            version = metadata.resource_version
            if syncing and (metadata.annotations or {}).get(_INITIAL_END) == "true":
                self._heard()
                self._commit(version)
                return False
        else:
            _LOG.warning("watch of %s: unknown event type %r", self._scope, event.type)
            return syncing
        self._heard()
        if not syncing:
            self._advance(version)
        return syncing

    def _commit(self, version: str) -> None:
        self._sink.commit(version)
        self._advance(version)
        self.available = True
        self.synced.set()

    def _advance(self, version: str) -> None:
        if version:
            self.version = self._newest = version
        self.failures = 0
        self.last_error = None

    def _forget_version(self) -> None:
        self.version = ""

    def _heard(self) -> None:
        self.last_contact = asyncio.get_running_loop().time()

    async def _pause(self, err: Exception, *, at_once: bool = False) -> None:
        self.failures += 1
        self.last_error = err
        _LOG.warning("watch of %s: %s", self._scope, err)
        delay = 0.0 if at_once else min(_BACKOFF_CAP, _BACKOFF * 2 ** min(self.failures - 1, 10))
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))
