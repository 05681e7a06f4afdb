"""One leader among several processes, by a Lease, safe also when the leader hangs.

The lease is renewed every `retry_period` seconds. A leader that could not renew for `renew_deadline` seconds gives up; others
take over once the lease has not changed for `lease_duration` seconds *by their own clock*, so clocks need not agree.

Between the two lies the time in which the old leader must have stopped. A task of the event loop cannot promise that, because the
loop may be blocked; therefore a thread ends the process half-way between the two deadlines, whatever the loop does.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from reconcile.api.coordination_v1 import Lease, LeaseSpec
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.errors import APIError, ConflictError, LeaderLostError, NotFoundError, TransportError
from reconcile.events import NORMAL, EventRecorder
from reconcile.metrics import LeaderElectionMetrics
from reconcile.watchdog import Fence, Watchdog

__all__ = ["LeaderElection", "LeaderElector", "default_identity"]

_LOG = logging.getLogger(__name__)

_JITTER = 1.2  # source: JitterFactor of client-go's leader election


def default_identity() -> str:
    """`<hostname>_<uuid>`: readable, and never that of an earlier process on the same host."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


@dataclass(frozen=True, slots=True)
class LeaderElection:
    """How a manager takes part in an election.

    Attributes:
        name: of the Lease; the same for all replicas and for nobody else.
        namespace: of the Lease.
        identity: names this process; `default_identity()` when empty.
        lease_duration: seconds after which others take an unchanged lease.
        renew_deadline: seconds without renewal after which a leader gives up.
        retry_period: seconds between renewals, and between attempts to get the lease.
        release_on_exit: hand the lease back at a clean exit, so that a successor does not wait.
    """

    name: str
    namespace: str
    identity: str = ""
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    release_on_exit: bool = True


class LeaderElector:
    """Gets the lease, keeps it, and gives it back.

    Args:
        client: one that does not read from a cache.
        name: of the Lease.
        namespace: of the Lease.
        identity: names this process; `default_identity()` when empty.
        lease_duration: seconds after which others take an unchanged lease.
        renew_deadline: seconds without renewal after which a leader gives up.
        retry_period: seconds between renewals, and between attempts to get the lease.
        release_on_exit: hand the lease back when `run` is cancelled.
        fence: ends the process when the deadline passes; a `Watchdog` by default.
        metrics: `leader_election_master_status`.
        recorder: writes an Event on the Lease when leadership changes.
        now: the wall clock, for the times written into the Lease.

    Attributes:
        leading: set while this process leads.

    Raises:
        ValueError: the durations do not leave the old leader time to stop.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str,
        identity: str = "",
        *,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        release_on_exit: bool = True,
        fence: Fence | None = None,
        metrics: LeaderElectionMetrics | None = None,
        recorder: EventRecorder | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        if not lease_duration > renew_deadline > retry_period * _JITTER > 0:
            raise ValueError(
                f"leader election {namespace}/{name}: need lease_duration ({lease_duration:g}) > renew_deadline"
                f" ({renew_deadline:g}) > {_JITTER:g} * retry_period ({retry_period:g}) > 0"
            )
        self.name = name
        self.namespace = namespace
        self.identity = identity or default_identity()
        self.leading = asyncio.Event()
        self._client = client
        self._lease_duration = lease_duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._release_on_exit = release_on_exit
        self._fence = (
            fence
            if fence is not None
            else Watchdog(f"leader election: the lease {namespace}/{name} was not renewed in time; ending the process")
        )
        self._metrics = metrics
        self._recorder = recorder
        self._now = now if now is not None else _utc_now
        self._lease: Lease | None = None  # as last seen
        self._seen_at = 0.0  # when another's lease was last seen to change, by our clock
        self._held_at = 0.0  # when we last wrote ours
        self._leader = ""
        self._set_status(leading=False)

    @property
    def leader(self) -> str:
        """Who holds the lease as far as is known; empty when nobody does."""
        return self._leader

    async def run(self) -> None:
        """Wait for the lease, set `leading`, and keep it until cancelled.

        Raises:
            LeaderLostError: the lease was lost or could not be renewed in time. The fence stays armed: it ends the process
                unless `close` is called when all work has stopped.

        Cancellation hands the lease back, if so configured.
        """
        try:
            await self._acquire()
            self._started_leading()
            await self._keep()
        except asyncio.CancelledError:
            self.leading.clear()
            if self._release_on_exit:
                await self._release()
            self.close()
            raise
        finally:
            self.leading.clear()
            self._set_status(leading=False)

    def check(self) -> None:
        """End the process if the Lease was not renewed in time; to be called when the process was frozen and continues."""
        self._fence.check()

    def close(self) -> None:
        """Everything that only a leader may do has stopped: this process may live on."""
        self._fence.disarm()

    async def _acquire(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._renew_deadline):
                    if await self._try_acquire_or_renew():
                        return
            except (APIError, TransportError, TimeoutError) as err:
                _LOG.warning("lease %s/%s could not be read or taken: %s", self.namespace, self.name, _words(err))
            await asyncio.sleep(self._until_next_attempt())

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = self._held_at + self._renew_deadline
        while True:
            await asyncio.sleep(min(self._retry_period, max(0.0, deadline - loop.time())))
            try:
                async with asyncio.timeout_at(deadline):
                    if not await self._try_acquire_or_renew():
                        by = f"taken by {self._leader}" if self._leader else "deleted"
                        raise LeaderLostError(f"lease {self.namespace}/{self.name} was {by}")
                deadline = self._held_at + self._renew_deadline
            except (APIError, TransportError, TimeoutError) as err:
                _LOG.warning("lease %s/%s could not be renewed: %s", self.namespace, self.name, _words(err))
                if loop.time() >= deadline:
                    raise LeaderLostError(
                        f"lease {self.namespace}/{self.name} could not be renewed for {self._renew_deadline:g} s"
                    ) from err

    async def _try_acquire_or_renew(self) -> bool:
        """One attempt; whether the lease is ours afterwards."""
        started = asyncio.get_running_loop().time()
        wall = self._now()
        lease = self._lease
        if lease is None or not self._is_ours(lease) or not self.leading.is_set():
            lease = await self._client.find(Lease, self.name, self.namespace)
            if lease is None:
                return await self._create(started, wall)
            self._observe(lease)
            if not self._is_ours(lease) and not self._expired(lease):
                return False
        try:
            written = await self._client.replace(self._claimed(lease, wall))
        except (ConflictError, NotFoundError):
            # Somebody wrote or deleted it. Look again at once: a stranger's label is no reason to lose the lease.
            if self._metrics is not None:
                self._metrics.slowpath.labels(self.name).inc()
            current = await self._client.find(Lease, self.name, self.namespace)
            if current is None:
                self._lease, self._leader = None, ""
                return False
            self._observe(current)
            if not self._is_ours(current) or not self.leading.is_set():
                return False
            written = await self._client.replace(self._claimed(current, wall))
        self._hold(written, started)
        return True

    async def _create(self, started: float, wall: datetime) -> bool:
        if self.leading.is_set():
            # Deleted under us: whoever did that may have let somebody else in.
            self._leader = ""
            return False
        lease = Lease(
            metadata=ObjectMeta(name=self.name, namespace=self.namespace),
            spec=self._spec(acquired=wall, renewed=wall, transitions=0),
        )
        try:
            self._hold(await self._client.create(lease), started)
        except ConflictError:
            return False
        return True

    def _claimed(self, lease: Lease, wall: datetime) -> Lease:
        transitions = lease.spec.lease_transitions or 0
        if self._is_ours(lease):
            spec = self._spec(acquired=lease.spec.acquire_time or wall, renewed=wall, transitions=transitions)
        else:
            spec = self._spec(acquired=wall, renewed=wall, transitions=transitions + 1)
        return lease.model_copy(update={"spec": spec})

    def _spec(self, *, acquired: datetime, renewed: datetime, transitions: int) -> LeaseSpec:
        return LeaseSpec(
            holder_identity=self.identity,
            lease_duration_seconds=round(self._lease_duration) or 1,
            acquire_time=acquired,
            renew_time=renewed,
            lease_transitions=transitions,
        )

    def _hold(self, lease: Lease, started: float) -> None:
        # Counts from before the request: others may have seen the lease renewed at any moment after it.
        self._lease, self._held_at, self._leader = lease, started, self.identity
        spent = asyncio.get_running_loop().time() - started
        margin = (self._renew_deadline + self._lease_duration) / 2
        self._fence.feed(max(0.0, margin - spent))

    def _observe(self, lease: Lease) -> None:
        known = self._lease
        if known is None or known.spec != lease.spec:
            # Counts from after the answer: the holder may have renewed at any moment before it.
            self._seen_at = asyncio.get_running_loop().time()
        self._lease = lease
        holder = lease.spec.holder_identity or ""
        if holder != self._leader:
            self._leader = holder
            if holder and holder != self.identity:
                _LOG.info("lease %s/%s: the leader is %s", self.namespace, self.name, holder)

    def _is_ours(self, lease: Lease) -> bool:
        return lease.spec.holder_identity == self.identity

    def _until_next_attempt(self) -> float:
        usual = self._retry_period * (1.0 + random.random() * _JITTER)
        if self._lease is None or not self._leader:
            return usual
        left = self._expires_at(self._lease) - asyncio.get_running_loop().time()
        if left <= 0:
            return usual
        # Be there when it runs out; a little apart from the others who are.
        return min(usual, left + random.random() * 0.1 * self._retry_period + 0.001)

    def _expired(self, lease: Lease) -> bool:
        return not lease.spec.holder_identity or self._expires_at(lease) < asyncio.get_running_loop().time()

    def _expires_at(self, lease: Lease) -> float:
        # The holder's own duration counts: it may run with other settings.
        return self._seen_at + (float(lease.spec.lease_duration_seconds or 0) or self._lease_duration)

    async def _release(self) -> None:
        if self._lease is None or not self._is_ours(self._lease):
            return
        try:
            async with asyncio.timeout(self._retry_period):
                # Read again: the answer to the last renewal may not have arrived before the cancellation.
                lease = await self._client.find(Lease, self.name, self.namespace)
                if lease is None or not self._is_ours(lease):
                    return
                spec = lease.spec.model_copy(
                    update={"holder_identity": "", "lease_duration_seconds": 1, "renew_time": self._now()}
                )
                self._lease = await self._client.replace(lease.model_copy(update={"spec": spec}))
        except (APIError, TransportError, TimeoutError) as err:
            _LOG.warning("lease %s/%s could not be released: %s", self.namespace, self.name, _words(err))
            return
        self._leader = ""
        self._say("stopped leading")

    def _started_leading(self) -> None:
        self.leading.set()
        self._set_status(leading=True)
        _LOG.info("lease %s/%s: %s leads", self.namespace, self.name, self.identity)
        self._say("became leader")

    def _say(self, what: str) -> None:
        if self._recorder is not None and self._lease is not None:
            self._recorder.event(self._lease, NORMAL, "LeaderElection", f"{self.identity} {what}")

    def _set_status(self, *, leading: bool) -> None:
        if self._metrics is not None:
            self._metrics.master_status.labels(self.name).set(1 if leading else 0)


def _words(err: Exception) -> str:
    return str(err) or type(err).__name__


def _utc_now() -> datetime:
    return datetime.now(UTC)
