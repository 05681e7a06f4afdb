"""One pass over a PushSecret: is it due, what goes where, what has to be written, what has to be deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretStatus, PushSecretStoreRef
from eso.controllers.conditions import cause_of, find
from eso.controllers.metrics import KindMetrics
from eso.controllers.pacing import Forced, Retries, interval_of
from eso.controllers.pushsecret.deleter import Deleter
from eso.controllers.pushsecret.ledger import FINALIZER, synced
from eso.controllers.pushsecret.memory import PushMemory
from eso.controllers.pushsecret.outcome import (
    CLEANED_UP,
    ERRORED,
    SOURCE_DELETED,
    SYNCED,
    Failure,
    done_message,
    status_cleaned_up,
    status_done,
    status_failed,
)
from eso.controllers.pushsecret.plan import check_data_to
from eso.controllers.pushsecret.refresh import follows_sources, is_due, next_look, pushed_version
from eso.controllers.pushsecret.rollout import RolledOut, Rollout
from eso.controllers.pushsecret.sources import Generation, SourceMissingError, Sources, is_generated
from eso.controllers.pushsecret.stores import StoreFinder
from eso.controllers.pushsecret.versions import SourceVersions
from eso.controllers.storekeys import store_key
from eso.controllers.turns import NotYetError, Turns
from eso.errors import EsoError, find_cause
from reconcile.api.core_v1 import Secret
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.controller import Result
from reconcile.errors import (
    APIError,
    NotFoundError,
    ReconcileError,
    RetryError,
    TerminalError,
    TransportError,
)
from reconcile.events import EventRecorder
from reconcile.finalizers import add_finalizer, has_finalizer, remove_finalizer

__all__ = ["PushSecretReconciler"]

_LOG: Final = logging.getLogger("controllers.PushSecret")

_HELD: Final = 3600.0
"""Seconds for which a generated value that not every store has taken is tried again, with `refreshInterval: 0`."""


class PushSecretReconciler:
    """The reconcile function of the pushsecret controller, and what it works with."""

    def __init__(
        self,
        client: CachedClient,
        *,
        sources: Sources,
        stores: StoreFinder,
        rollout: Rollout,
        deleter: Deleter,
        memory: PushMemory,
        versions: SourceVersions,
        generation: Generation,
        events: EventRecorder,
        metrics: KindMetrics,
        turns: Turns,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._sources = sources
        self._stores = stores
        self._rollout = rollout
        self._deleter = deleter
        self._memory = memory
        self._versions = versions
        self._generation = generation
        self._events = events
        self._metrics = metrics
        self._turns = turns
        self._clock = clock
        self.retries: Final = Retries()
        self._forced = Forced()

    def force(self, request: Request) -> None:
        """Let the next pass push although no refresh is due: something the object refers to has changed."""
        self._forced.add(request)

    async def reconcile(self, request: Request) -> Result:
        """One pass.

        Raises:
            RetryError: it failed; the condition has been written.
            TerminalError: the same, and nothing but an edit helps.
        """
        push = await self._client.find(PushSecret, request)
        if push is None:
            return self._gone(request)
        started = self._clock()
        with self._metrics.timed(request.name, request.namespace):
            try:
                return await self._present(request, push, started)
            except NotYetError:
                return Result()
            except Failure as failure:
                raise await self._failed(request, push, failure, started) from failure
            finally:
                self._turns.wake()

    def _gone(self, request: Request) -> Result:
        self._metrics.gone(request.name, request.namespace)
        self._metrics.forget_duration(request.name, request.namespace)
        self._memory.forget(request)
        self.retries.forget(request)
        self._forced.forget(request)
        self._turns.forget(request)
        self._generation.forget(PushSecret.resource.kind, request.namespace, request.name)
        self._turns.wake()
        return Result()

    async def _present(self, request: Request, push: PushSecret, started: datetime) -> Result:
        if push.metadata.deleting:
            await self._leave(push)
            return Result()
        try:
            push = await self._with_finalizer(push)
        except NotFoundError:
            return Result(requeue=True)
        self._metrics.observe(push, push.status.conditions)
        with self._forced.taken(request) as forced:
            try:
                changed = forced or self._versions.changed(push)
                due = is_due(push, started) or (changed and follows_sources(push))
            except EsoError as err:
                raise Failure(cause_of(err)) from err
            if not due:
                return Result(requeue_after=next_look(push, started))
            with self._turns.taken(request, {_waits_for(push, ref) for ref in push.spec.secret_store_refs}):
                result = await self._sync(request, push, started)
        self.retries.forget(request)
        return result

    async def _with_finalizer(self, push: PushSecret) -> PushSecret:
        """Only what has to be deleted at providers holds a PushSecret back."""
        if push.spec.deletion_policy == "Delete":
            return await add_finalizer(self._client, push, FINALIZER)
        return await remove_finalizer(self._client, push, FINALIZER) or push

    async def _leave(self, push: PushSecret) -> None:
        """The PushSecret is being deleted; it pushes nothing any more."""
        if not has_finalizer(push, FINALIZER):
            return
        if push.spec.deletion_policy == "Delete":
            deletion = await self._deleter.delete(push, synced(push))
            if deletion.errors:
                first = deletion.errors[0]
                raise Failure(f"Failed to Delete Secrets from Provider: {first}", synced=deletion.left) from first
        await remove_finalizer(self._client, push, FINALIZER)

    async def _sync(self, request: Request, push: PushSecret, started: datetime) -> Result:
        try:
            try:
                check_data_to(push)
            except EsoError as err:
                raise Failure(cause_of(err)) from err
            # Nothing is generated where nothing is going to be written.
            done = await self._rollout.keep(push, await self._stores.find(push)) if is_generated(push) else None
            if done is None:
                try:
                    secrets = await self._sources.resolve(push)
                except SourceMissingError as err:
                    return await self._source_missing(request, push, started, err)
                except (EsoError, APIError, TransportError) as err:
                    raise Failure("could not get source secret") from err
                done = await self._push(push, secrets)
            await self._settle(push, done)
        finally:
            # What is settled by now, or held, stays as it is.
            await self._generation.roll_back(push)
        if done is None:
            # No store is left to push to. One that appears or becomes ours is an event.
            return Result()
        # Edited meanwhile, the object is due again: what was pushed is the version that the pass began with.
        push = await self._done(done, pushed_version(push), started)
        return Result(requeue_after=next_look(push, self._clock()))

    async def _push(self, push: PushSecret, secrets: list[Secret]) -> RolledOut | None:
        found = await self._stores.find(push)
        if not found.stores:
            if found.errors:
                raise Failure("; ".join(cause_of(err) for err in found.errors)) from found.errors[0]
            return None
        try:
            rendered = await self._sources.rendered(push, secrets)
        except EsoError as err:
            raise Failure(f"could not apply template: {cause_of(err)}") from err
        edited = push.status.synced_resource_version != pushed_version(push)
        trust = 0.0 if edited else interval_of(push.spec.refresh_interval) / 2
        try:
            return await self._rollout.run(push, rendered, found, trust=trust)
        except BaseException as err:
            # But for a failure that knows better, some provider may hold a value of this pass.
            if not isinstance(err, Failure) or err.in_use:
                self._generation.hold(push, interval_of(push.spec.refresh_interval) or _HELD)
            raise

    async def _settle(self, push: PushSecret, done: RolledOut | None) -> None:
        """What generated values supersede is retired, unless a provider may still hold it."""
        if is_generated(push):
            if done is None or done.written == 0:
                await self._generation.unused(push)
                return
            if done.kept:
                self._generation.keep(push)
                return
        await self._generation.commit(push)

    async def _source_missing(
        self, request: Request, push: PushSecret, started: datetime, err: SourceMissingError
    ) -> Result:
        if push.spec.deletion_policy != "Delete":
            raise Failure("could not get source secret") from err
        owed = synced(push)
        before = find(push.status.conditions)
        if not owed and (before is None or before.reason != SOURCE_DELETED):
            raise Failure("could not get source secret") from err
        if owed:
            deletion = await self._deleter.delete(push, owed)
            if deletion.errors:
                first = deletion.errors[0]
                raise Failure(f"failed to cleanup provider secrets: {first}", synced=deletion.left) from first
            self._memory.forget(request)
            await self._write_status(push, status_cleaned_up(push, started))
            self._events.event(push, "Normal", SOURCE_DELETED, CLEANED_UP)
        # The source's coming back is an event; the timer is for one that was missed.
        return Result(requeue_after=interval_of(push.spec.refresh_interval) or None)

    async def _done(self, done: RolledOut, version: str, started: datetime) -> PushSecret:
        before = find(done.push.status.conditions)
        written = await self._write_status(done.push, status_done(done.push, done.synced, version, started))
        message = done_message(done.push)
        if done.written or before is None or (before.reason, before.message) != (SYNCED, message):
            self._events.event(done.push, "Normal", SYNCED, message)
            _LOG.info("pushed %d values", done.written)
        return written

    async def _failed(self, request: Request, push: PushSecret, failure: Failure, started: datetime) -> ReconcileError:
        self._events.event(push, "Warning", ERRORED, str(failure))
        # The pass may have written to the object since it read it.
        push = await self._client.find(PushSecret, request) or push
        await self._write_status(push, status_failed(push, failure, started))
        try:
            interval = interval_of(push.spec.refresh_interval)
        except EsoError:
            interval = 0.0
        cause = failure.__cause__
        detail = (
            f"{failure}: {cause_of(cause)}"
            if cause is not None and cause_of(cause) not in str(failure)
            else str(failure)
        )
        pause = self.retries.pause(request, failure, interval)
        terminal = find_cause(failure, TerminalError) is not None
        return TerminalError(detail) if terminal else RetryError(detail, retry_after=pause)

    async def _write_status(self, push: PushSecret, status: PushSecretStatus) -> PushSecret:
        try:
            written = await self._client.patch_status(push, status)
        except NotFoundError:
            return push
        self._metrics.observe(written, written.status.conditions)
        return written


def _waits_for(push: PushSecret, ref: PushSecretStoreRef) -> str:
    """What a reference waits for: a store, or the stores that a selector finds."""
    which = ref.label_selector.model_dump_json() if ref.label_selector is not None else ref.name
    return store_key(ref.kind, push.namespace, which or "")
