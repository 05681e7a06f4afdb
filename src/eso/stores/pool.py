"""Provider clients that live as long as their store and its credentials are unchanged.

The key of a client is the whole identity: store kind, namespace, name, UID and generation, the versions of every Secret,
ConfigMap and ServiceAccount it was made from, and the consumer's namespace when the client was made from anything there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from eso.errors import AccessDeniedError, EsoError, UnavailableError
from eso.providers.base import SecretsClient
from eso.stores.broker import Broker
from eso.stores.context import CLUSTER, StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader, Dependency
from eso.stores.flights import SingleFlight, fresh_error
from eso.stores.metrics import StoreMetrics

__all__ = ["ClientPool", "ClientRequest", "PooledClient"]

_LOG = logging.getLogger(__name__)

IDLE: Final = 600.0
"""Seconds a client is kept after its last use."""

_FAILURE_MEMO: Final = 2.0
_LONGEST_FAILURE_MEMO: Final = 30.0
"""Seconds a failed sign-in is remembered: the first time, and at most after several in a row.

A thousand objects do not try it a thousand times, which some vendors answer by locking the account. New credentials are tried
at once.
"""

_CLOSE_TIMEOUT: Final = 10.0
_CLOSING: Final = 32
"""Seconds that closing a client may take, and how many are closed at once."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """Place of one client: a store in one state, and one consumer namespace or none."""

    identity: StoreIdentity
    consumer: str


@dataclass(slots=True, eq=False)
class PooledClient:
    """A client, what it was made from, and who uses it."""

    client: SecretsClient
    context: StoreClientContext
    broker: Broker
    last_used: float
    leases: int = 0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """What a client is made from.

    Attributes:
        identity: the store, in its present state.
        consumer: namespace of the object that uses it; empty while a cluster store is validated.
        referent: the provider says that its credentials come from the consumer's namespace.
        context: makes the context for a broker.
        broker: makes the broker.
        make: makes the client.
    """

    identity: StoreIdentity
    consumer: str
    referent: bool
    context: Callable[[Broker], StoreClientContext]
    broker: Callable[[], Broker]
    make: Callable[[StoreClientContext], Awaitable[SecretsClient]]


@dataclass(frozen=True, slots=True)
class _Failure:
    error: EsoError
    until: float
    pause: float
    dependencies: Mapping[Dependency, str]


class ClientPool:
    """Makes clients once, lends them out, closes them when they are outdated or idle.

    Args:
        reader: tells the versions of credentials.
        metrics: counts clients and sign-ins.
        idle: seconds an unused client is kept.
    """

    def __init__(self, reader: CredentialReader, metrics: StoreMetrics, *, idle: float = IDLE) -> None:
        self._reader = reader
        self._metrics = metrics
        self._idle = idle
        self._clients: dict[_Slot, PooledClient] = {}
        self._alive: set[PooledClient] = set()
        self._flights: SingleFlight[None] = SingleFlight()
        # Stores of which a client turned out to be made from things of its consumer's namespace.
        self._bound: dict[StoreIdentity, None] = {}
        self._failures: dict[_Slot, _Failure] = {}

    @asynccontextmanager
    async def lend(self, request: ClientRequest) -> AsyncIterator[PooledClient]:
        """A client for the request: the one that lives, or a new one.

        Raises:
            EsoError: it could not be made.
        """
        pooled = await self._acquire(request)
        pooled.leases += 1
        try:
            yield pooled
        finally:
            pooled.leases -= 1
            pooled.last_used = asyncio.get_running_loop().time()
            if pooled.retired and pooled.leases == 0:
                await self._close(pooled)

    def circuits(self, label: tuple[str, str, str]) -> list[str]:
        """State of the circuit of each client of a store (kind, namespace, name)."""
        return [pooled.broker.circuit for slot, pooled in self._clients.items() if slot.identity.label == label]

    async def sweep(self) -> None:
        """Close clients that nobody used for long."""
        now = asyncio.get_running_loop().time()
        for slot, pooled in list(self._clients.items()):
            if pooled.leases == 0 and now - pooled.last_used >= self._idle:
                await self._retire(slot)
        keep = now - _LONGEST_FAILURE_MEMO
        self._failures = {slot: found for slot, found in self._failures.items() if found.until > keep}

    async def forget(self, label: tuple[str, str, str]) -> None:
        """Close every client of a store that is gone or changed."""
        for slot in [slot for slot in self._clients if slot.identity.label == label]:
            await self._retire(slot)
        for identity in [identity for identity in self._bound if identity.label == label]:
            del self._bound[identity]

    async def close(self) -> None:
        """Close everything, also what is on loan."""
        await self._flights.close()
        for slot in list(self._clients):
            self._clients.pop(slot).retired = True
        turn = asyncio.Semaphore(_CLOSING)

        async def close(pooled: PooledClient) -> None:
            async with turn:
                await self._close(pooled)

        async with asyncio.TaskGroup() as group:
            for pooled in list(self._alive):
                group.create_task(close(pooled))

    async def _acquire(self, request: ClientRequest) -> PooledClient:
        while True:
            slot = self._slot(request)
            pooled = self._clients.get(slot)
            if pooled is not None:
                if await self._current(pooled):
                    if not pooled.retired:
                        return pooled
                    continue
                await self._retire(slot, pooled)
            await self._raise_recent_failure(slot)
            try:
                await self._flights.run(slot, lambda slot=slot: self._make(slot, request))  # type: ignore[misc]
            except EsoError:
                # A failure in the namespace of one consumer says nothing about another's.
                if self._slot(request) == slot:
                    raise
                continue
            made = self._clients.get(self._slot(request))
            if made is not None and not made.retired:
                return made

    def _slot(self, request: ClientRequest) -> _Slot:
        per_consumer = request.identity.kind == CLUSTER and (request.referent or request.identity in self._bound)
        return _Slot(request.identity, request.consumer if per_consumer else "")

    async def _make(self, slot: _Slot, request: ClientRequest) -> None:
        """Put a new client into its slot, or into that of the consumer it turned out to belong to."""
        for other in [other for other in self._clients if _succeeds(slot, other)]:
            await self._retire(other)
        broker = request.broker()
        context = request.context(broker)
        label = request.identity.label
        try:
            client = await request.make(context)
        except BaseException as err:
            await context.sessions.close()
            await broker.close()
            if isinstance(err, EsoError):
                self._metrics.created(label, success=False)
                if not self._rebind(slot, context):
                    self._remember_failure(slot, err, context)
            raise
        self._metrics.created(label, success=True)
        self._failures.pop(slot, None)
        now = asyncio.get_running_loop().time()
        pooled = PooledClient(client, context, broker, now)
        if self._rebind(slot, context):
            slot = _Slot(slot.identity, request.consumer)
            await self._retire(slot)
        elif not slot.consumer:
            context.seal()
        self._clients[slot] = pooled
        self._alive.add(pooled)
        self._metrics.clients(label, self._count(label))

    def _rebind(self, slot: _Slot, context: StoreClientContext) -> bool:
        """Whether a client meant for everybody was made from things of its consumer's namespace; remembered for its store."""
        if slot.identity.kind != CLUSTER or slot.consumer or not context.consumer_used:
            return False
        self._bound[slot.identity] = None
        return True

    def _remember_failure(self, slot: _Slot, err: EsoError, context: StoreClientContext) -> None:
        before = self._failures.get(slot)
        grows = before is not None and isinstance(err, (AccessDeniedError, UnavailableError))
        pause = min(before.pause * 2, _LONGEST_FAILURE_MEMO) if before is not None and grows else _FAILURE_MEMO
        until = asyncio.get_running_loop().time() + pause
        self._failures[slot] = _Failure(err, until, pause, dict(context.dependencies))

    async def _raise_recent_failure(self, slot: _Slot) -> None:
        found = self._failures.get(slot)
        if found is None or found.until <= asyncio.get_running_loop().time():
            return
        if await self._all_unchanged(found.dependencies):
            raise fresh_error(found.error) from found.error
        self._failures.pop(slot, None)

    async def _current(self, pooled: PooledClient) -> bool:
        """Whether what the client was made from is unchanged."""
        return await self._all_unchanged(pooled.context.dependencies)

    async def _all_unchanged(self, dependencies: Mapping[Dependency, str]) -> bool:
        """Whether objects have the versions they were read in; True as well when that cannot be found out now."""
        for dependency, version in list(dependencies.items()):
            try:
                if not await self._reader.unchanged(dependency, version):
                    return False
            except (AccessDeniedError, UnavailableError):
                continue
        return True

    async def _retire(self, slot: _Slot, pooled: PooledClient | None = None) -> None:
        found = self._clients.get(slot)
        if found is None or (pooled is not None and found is not pooled):
            return
        del self._clients[slot]
        found.retired = True
        if found.leases == 0:
            await self._close(found)

    async def _close(self, pooled: PooledClient) -> None:
        if pooled not in self._alive:
            return
        self._alive.discard(pooled)
        label = pooled.context.identity.label
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await pooled.client.close()
        except Exception as err:  # noqa: BLE001 - whatever a provider's close does, the others are closed as well
            _LOG.warning("closing a client of %s failed: %s", pooled.context.identity, type(err).__name__)
        finally:
            await pooled.broker.close()
            await pooled.context.sessions.close()
            self._metrics.clients(label, self._count(label))

    def _count(self, label: tuple[str, str, str]) -> int:
        return sum(1 for pooled in self._alive if pooled.context.identity.label == label)


def _succeeds(new: _Slot, old: _Slot) -> bool:
    """Whether a slot is of the same store and consumer in another state."""
    return new.identity.label == old.identity.label and new.consumer == old.consumer and new.identity != old.identity
