"""Writes to providers: what is not there yet or has changed, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretData
from eso.controllers.conditions import cause_of
from eso.controllers.pushsecret.memory import Pushed, PushMemory
from eso.controllers.pushsecret.plan import Planned, StorePlan
from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ProviderNotAvailableError,
    ThrottledError,
)
from eso.providers.base import RemoteRef, SecretsClient
from eso.stores.client_manager import ClientManager
from eso.stores.leased import LeasedClient
from reconcile.api.request import Request
from reconcile.errors import ReconcileError
from reconcile.tracebacks import frames_of

__all__ = ["Pusher", "StoreOutcome", "Survey", "store_ref", "told"]

_LOG: Final = logging.getLogger("controllers.PushSecret")
_Run = Callable[[Planned], Awaitable[None]]

_AT_ONCE: Final = 8
"""Remote keys of one store that are written at the same time."""

_NOT_WRITTEN: Final = (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderNotAvailableError,
    ThrottledError,
)
"""After these the provider has certainly not taken the value; after any other failure it may have."""


@dataclass(slots=True)
class Survey:
    """What was found at one store before writing.

    Attributes:
        existing: destinations that hold something.
        errors: destination -> why it could not be told.
    """

    existing: set[str] = field(default_factory=set)
    errors: dict[str, EsoError] = field(default_factory=dict)


@dataclass(slots=True)
class StoreOutcome:
    """What became of one store's values.

    Attributes:
        pushed: destinations that hold their value, with what the status says about them.
        uncertain: destinations that may or may not hold it.
        errors: what failed, in the order of the entries.
        written: how many were handed to the provider.
    """

    pushed: dict[str, PushSecretData] = field(default_factory=dict)
    uncertain: dict[str, PushSecretData] = field(default_factory=dict)
    errors: list[EsoError] = field(default_factory=list)
    written: int = 0


class Pusher:
    """Pushes plans to stores.

    Args:
        clients: lends provider clients.
        memory: what was pushed before.
    """

    def __init__(self, clients: ClientManager, memory: PushMemory) -> None:
        self._clients = clients
        self._memory = memory

    async def survey(self, push: PushSecret, plan: StorePlan) -> Survey:
        """Which destinations exist already, for `updatePolicy: IfNotExists`."""
        survey = Survey()

        async def look(client: SecretsClient, planned: Planned) -> None:
            try:
                if await client.secret_exists(planned.entry.remote):
                    survey.existing.add(planned.where)
            except Exception as err:  # noqa: BLE001 - a provider is somebody else's code: it must not starve other entries
                survey.errors[planned.where] = told("could not verify if secret exists in store", err)

        try:
            async with self._clients.client(store_ref(plan.key), push.namespace) as client:
                await _each(plan.entries.values(), lambda planned: look(client, planned))
        except Exception:  # noqa: BLE001 - as above
            # The push fails at the same point and says so.
            survey.errors.clear()
        return survey

    async def push(self, push: PushSecret, plan: StorePlan, survey: Survey, *, trust: float) -> StoreOutcome:
        """Bring the values of one store up to date.

        Args:
            push: the PushSecret.
            plan: what belongs there.
            survey: destinations that are left alone, and those that could not be looked at.
            trust: seconds for which the provider is believed to hold what it held; 0 asks it.
        """
        outcome = StoreOutcome(errors=list(plan.errors))
        wanted = [
            planned for planned in plan.entries.values() if planned.where not in survey.existing | survey.errors.keys()
        ]
        outcome.pushed |= {where: plan.entries[where].record for where in plan.entries if where in survey.existing}
        outcome.errors += [survey.errors[where] for where in plan.entries if where in survey.errors]
        if not wanted:
            return outcome
        failures: dict[str, EsoError] = {}
        try:
            async with self._clients.client(store_ref(plan.key), push.namespace) as client:
                one = _Writer(self._memory, client, push, plan, outcome, failures, trust)
                await _each(wanted, one.write)
        except Exception as err:  # noqa: BLE001 - as above
            outcome.errors.append(told(f"could not get secrets client for store {plan.store.name}", err))
        outcome.errors += [failures[where] for where in plan.entries if where in failures]
        # The order of the plan, whatever finished first.
        outcome.pushed = {where: outcome.pushed[where] for where in plan.entries if where in outcome.pushed}
        return outcome


class _Writer:
    """Writes single values of one plan."""

    def __init__(
        self,
        memory: PushMemory,
        client: LeasedClient,
        push: PushSecret,
        plan: StorePlan,
        outcome: StoreOutcome,
        failures: dict[str, EsoError],
        trust: float,
    ) -> None:
        self._memory = memory
        self._client = client
        self._request = Request(push.namespace, push.name)
        self._plan = plan
        self._outcome = outcome
        self._failures = failures
        self._trust = trust
        self._clock = asyncio.get_running_loop().time

    async def write(self, planned: Planned) -> None:
        store, where = self._plan.store, planned.where
        sent = self._memory.sent(planned)
        last = self._memory.last(self._request, store, where)
        try:
            if last is not None and last.sent == sent and await self._is_there(planned, last):
                self._outcome.pushed[where] = planned.record
                return
            await self._client.push_secret(planned.source, planned.entry)
        except Exception as err:  # noqa: BLE001 - as above
            if not isinstance(err, _NOT_WRITTEN):
                self._outcome.uncertain[where] = planned.record
            what = f"could not write remote ref {planned.entry.secret_key} to target secretstore {store.name}"
            self._failures[where] = told(what, err)
            return
        self._outcome.pushed[where] = planned.record
        self._outcome.written += 1
        found = await self._look(planned) if self._client.provider.reads_back else None
        self._memory.remember(self._request, store, where, Pushed(sent, found, self._clock()))

    async def _is_there(self, planned: Planned, last: Pushed) -> bool:
        """Whether the provider holds what was pushed last; in doubt the push decides, it compares once more."""
        now = self._clock()
        if now - last.verified < self._trust:
            return True
        if not self._client.provider.reads_back:
            return False
        try:
            if last.found is not None:
                there = self._memory.found(await self._client.get_secret(_remote(planned))) == last.found
            else:
                there = await self._exists(planned)
        except ProviderError:
            return False
        if there:
            self._memory.verified(self._request, self._plan.store, planned.where, now)
        return there

    async def _exists(self, planned: Planned) -> bool:
        try:
            return await self._client.secret_exists(planned.entry.remote)
        except InvalidRequestError:
            # A provider that can only be written to: the digest is all there is.
            return True

    async def _look(self, planned: Planned) -> bytes | None:
        try:
            return self._memory.found(await self._client.get_secret(_remote(planned)))
        except EsoError:
            return None


async def _each(items: Iterable[Planned], run: _Run) -> None:
    """Run for each item, several at once; what shares a remote key goes one after the other."""
    groups: dict[str, list[Planned]] = {}
    for item in items:
        groups.setdefault(item.entry.remote.remote_key, []).append(item)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def in_order(group: list[Planned]) -> None:
        async with slots:
            for item in group:
                await run(item)

    async with asyncio.TaskGroup() as tasks:
        for group in groups.values():
            tasks.create_task(in_order(group))


def store_ref(key: str) -> SecretStoreRef:
    """The reference to a store by its name in the status."""
    kind, _, name = key.partition("/")
    return SecretStoreRef(name=name, kind="ClusterSecretStore" if kind == "ClusterSecretStore" else "SecretStore")


def told(what: str, err: Exception) -> EsoError:
    """An error with `what` in front; the traceback of one that nobody expected is logged, without its text."""
    if not isinstance(err, EsoError | ReconcileError | TimeoutError):
        _LOG.error("%s: %s\n%s", what, type(err).__name__, frames_of(err))
    failure = EsoError(f"{what}: {cause_of(err)}" if what else cause_of(err))
    failure.__cause__ = err
    return failure


def _remote(planned: Planned) -> RemoteRef:
    return RemoteRef(planned.entry.remote.remote_key, planned.entry.remote.property)
