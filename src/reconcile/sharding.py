"""Several active replicas that share the objects among them: members by Lease, keys by rendezvous hashing.

Every replica keeps a Lease of its own. Those whose Lease is fresh are the *view*; in a view each key has one owner. Replicas see
changes at different times, so a key moves in two steps and nobody ever works on it together with somebody else:

1. A replica that sees a new view at once stops taking keys that are not its own in it. When the last of them is done it writes
   into its Lease that it has come round to this view.
2. A key that is new to a replica is taken only when every member of the view has written that.

Until then a replica works on the keys that were its own in every view since the last one that all agreed on; a view that comes
and goes moves nothing. A replica that cannot renew its Lease is ended by the fence before the others count it out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from reconcile.api.coordination_v1 import Lease, LeaseSpec
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.request import Request
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.errors import APIError, LeaderLostError, NotFoundError, TransportError
from reconcile.watchdog import Fence, Watchdog

__all__ = ["ShardMember", "Sharding", "owner_of"]

_LOG = logging.getLogger(__name__)

_GROUP_LABEL = "reconcile.shard/group"
_VIEW_ANNOTATION = "reconcile.shard/view"

View = tuple[str, ...]
"""Identities of the members, sorted."""


@dataclass(frozen=True, slots=True)
class Sharding:
    """How a manager shares its objects with other replicas.

    Attributes:
        name: of the group; the same for all replicas and for nobody else.
        namespace: of the Leases.
        identity: names this process and must be new for every process; the manager makes one when empty.
        lease_duration: seconds after which a member whose Lease did not change is counted out.
        renew_deadline: seconds without renewal after which a member gives up.
        retry_period: seconds between renewals; a change of members takes a few of them.
    """

    name: str
    namespace: str
    identity: str = ""
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


def owner_of(view: Sequence[str], request: Request) -> str | None:
    """The member with the highest score for a key: when members change, only keys of the changed ones move."""
    key = f"{request.cluster}\0{request.namespace}\0{request.name}".encode()
    return max(view, key=lambda member: (_score(member, key), member), default=None)


def _score(member: str, key: bytes) -> bytes:
    return blake2b(key, digest_size=8, key=blake2b(member.encode(), digest_size=16).digest()).digest()


class ShardMember:
    """The place of this replica among the others.

    Args:
        client: one that does not read from a cache.
        sharding: the group.
        identity: names this process.
        busy: the keys that are worked on right now.
        gained: called when keys have become this replica's own, with a function that says whether a key was not before.
        fence: ends the process when the Lease was not renewed in time; a `Watchdog` by default.
        now: the wall clock, for the times written into the Lease.

    Attributes:
        settled: set while all members agree.
    """

    def __init__(
        self,
        client: Client,
        sharding: Sharding,
        identity: str,
        *,
        busy: Callable[[], Iterable[Request]],
        gained: Callable[[Callable[[Request], bool]], None],
        fence: Fence | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        if not sharding.lease_duration > sharding.renew_deadline > sharding.retry_period > 0:
            raise ValueError(f"sharding {sharding.name}: need lease_duration > renew_deadline > retry_period > 0")
        self.identity = identity
        self.settled = asyncio.Event()
        self._client = client
        self._sharding = sharding
        self._busy = busy
        self._gained = gained
        self._fence = (
            fence
            if fence is not None
            else Watchdog(f"sharding: the lease of {identity} was not renewed in time; ending the process")
        )
        self._now = now if now is not None else _utc_now
        digest = blake2b(identity.encode(), digest_size=8).hexdigest()
        self._lease_name = f"{sharding.name}-{digest}"
        self._views: list[View] = [()]  # since and with the last one that all agreed on
        self._acknowledged = ""
        self._seen: dict[str, tuple[str, float]] = {}  # member -> version of its Lease, when it changed by our clock
        self._renewed_at = 0.0

    @property
    def members(self) -> View:
        """Who takes part, as far as is known here."""
        return self._views[-1]

    def owns(self, request: Request) -> bool:
        """Whether this replica may work on the key now."""
        return all(owner_of(view, request) == self.identity for view in self._views)

    async def run(self) -> None:
        """Take part until cancelled.

        Raises:
            LeaderLostError: the Lease could not be renewed in time; the fence stays armed until `close`.

        Cancel it when nothing is worked on any more: it then hands everything over by deleting its Lease.
        """
        loop = asyncio.get_running_loop()
        self._renewed_at = loop.time()
        try:
            while True:
                await self._step()
                # A view nobody agrees on yet holds keys up: look again soon.
                pause = self._sharding.retry_period / (1 if self.settled.is_set() else 4)
                await asyncio.sleep(pause)
        except asyncio.CancelledError:
            self._views = [()]
            await self._leave()
            self.close()
            raise
        finally:
            self.settled.clear()

    def check(self) -> None:
        """End the process if the Lease was not renewed in time; to be called when the process was frozen and continues."""
        self._fence.check()

    def close(self) -> None:
        """All work has stopped: this process may live on."""
        self._fence.disarm()

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = self._renewed_at + self._sharding.renew_deadline
        try:
            async with asyncio.timeout_at(deadline):
                await self._renew()
                await self._look()
        except (APIError, TransportError, TimeoutError) as err:
            _LOG.warning("sharding %s: %s", self._sharding.name, str(err) or type(err).__name__)
            if loop.time() >= deadline:
                raise LeaderLostError(
                    f"the lease of {self.identity} could not be renewed for {self._sharding.renew_deadline:g} s"
                ) from err

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if not any(not self.owns(request) for request in self._busy()):
            self._acknowledged = _digest(self.members)
        annotations = {_VIEW_ANNOTATION: self._acknowledged}
        renewed = self._now()
        patch = MergePatch(
            {
                "metadata": {"annotations": annotations},
                "spec": {"renewTime": renewed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
            }
        )
        try:
            await self._client.patch(Lease, self._lease_name, self._sharding.namespace, patch)
        except NotFoundError:
            # The others count us out from now on: nothing is ours until they have agreed to have us again.
            self._views = [()]
            self.settled.clear()
            await self._client.create(self._new_lease(renewed))
        self._renewed_at = started
        margin = (self._sharding.renew_deadline + self._sharding.lease_duration) / 2
        self._fence.feed(max(0.0, margin - (loop.time() - started)))

    async def _look(self) -> None:
        leases = await self._client.list(
            Lease, self._sharding.namespace, label_selector=f"{_GROUP_LABEL}={self._sharding.name}"
        )
        now = asyncio.get_running_loop().time()
        agreed: dict[str, str] = {}
        for lease in leases.items:
            member = lease.spec.holder_identity or ""
            version = lease.metadata.resource_version
            known = self._seen.get(member)
            if known is None or known[0] != version:
                self._seen[member] = known = (version, now)
            if now - known[1] <= self._sharding.lease_duration:
                agreed[member] = lease.metadata.annotations.get(_VIEW_ANNOTATION, "")
            elif now - known[1] > 10 * self._sharding.lease_duration:
                await self._client.delete(lease, missing_ok=True)
        self._seen = {
            lease.spec.holder_identity or "": self._seen[lease.spec.holder_identity or ""] for lease in leases.items
        }
        if self.identity not in agreed:
            return
        view = tuple(sorted(agreed))
        if view != self.members:
            _LOG.info("sharding %s: members are %s", self._sharding.name, ", ".join(view))
            self._views.append(view)
            self.settled.clear()
        if len(self._views) > 1 and all(answer == _digest(view) for answer in agreed.values()):
            before, self._views = self._views, [view]
            self.settled.set()
            self._gained(lambda request: any(owner_of(old, request) != self.identity for old in before))

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(self._sharding.retry_period):
                await self._client.delete(Lease, self._lease_name, self._sharding.namespace, missing_ok=True)
        except (APIError, TransportError, TimeoutError) as err:
            _LOG.warning("sharding %s: could not leave: %s", self._sharding.name, str(err) or type(err).__name__)

    def _new_lease(self, now: datetime) -> Lease:
        return Lease(
            metadata=ObjectMeta(
                name=self._lease_name,
                namespace=self._sharding.namespace,
                labels={_GROUP_LABEL: self._sharding.name},
                annotations={_VIEW_ANNOTATION: ""},
            ),
            spec=LeaseSpec(
                holder_identity=self.identity,
                lease_duration_seconds=round(self._sharding.lease_duration) or 1,
                acquire_time=now,
                renew_time=now,
            ),
        )


def _digest(view: View) -> str:
    return blake2b("\0".join(view).encode(), digest_size=16).hexdigest() if view else ""


def _utc_now() -> datetime:
    return datetime.now(UTC)
