"""One pass over an ExternalSecret: is it due, what do the providers say, what has to be written."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.conditions import cause_of, find
from eso.controllers.externalsecret.collector import Gatherer
from eso.controllers.externalsecret.draft import is_valid
from eso.controllers.externalsecret.freshness import follows_sources, news_within, reusable
from eso.controllers.externalsecret.keep import kept_data, unchanged
from eso.controllers.externalsecret.managed import ManagedFilter, Standing
from eso.controllers.externalsecret.metrics import ExternalSecretMetrics
from eso.controllers.externalsecret.outcome import Failure, Outcome, Reason, status_after
from eso.controllers.externalsecret.refresh import next_look, refresh_interval, should_refresh, version_of
from eso.controllers.externalsecret.target import TargetSecrets
from eso.controllers.externalsecret.templates import TemplateRenderer
from eso.controllers.pacing import Forced, Retries
from eso.controllers.slots import SlotGroup
from eso.controllers.turns import NotYetError, Turns
from eso.errors import EsoError, NotModifiedError
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.client.patch import MergePatch
from reconcile.controller import Result
from reconcile.errors import ConflictError, NotFoundError, RetryError, TerminalError
from reconcile.events import EventRecorder

__all__ = ["FINALIZER", "ExternalSecretReconciler", "TargetReconciler"]

FINALIZER: Final = "externalsecrets.external-secrets.io/externalsecret-cleanup"
_LOG: Final = logging.getLogger("controllers.ExternalSecret")
_STORE_WAIT: Final = 1.0


class TargetReconciler(Protocol):
    """Does for targets of other kinds (`spec.target.manifest`) what this module does for Secrets."""

    async def pass_over(self, es: ExternalSecret, *, due: bool, max_age: float) -> Outcome | None:
        """Bring the target up to date; None when nothing was due.

        Raises:
            Failure: the condition tells why.
        """

    async def clean_up(self, es: ExternalSecret) -> None:
        """The ExternalSecret is being deleted."""

    def forget(self, namespace: str, name: str) -> None:
        """The ExternalSecret is gone."""


class ExternalSecretReconciler:
    """The reconcile function of the externalsecret controller, and what it works with."""

    def __init__(
        self,
        client: CachedClient,
        *,
        targets: TargetSecrets,
        manifests: TargetReconciler,
        gatherer: Gatherer,
        renderer: TemplateRenderer,
        managed: ManagedFilter,
        turns: Turns,
        events: EventRecorder,
        metrics: ExternalSecretMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._targets = targets
        self._manifests = manifests
        self._gatherer = gatherer
        self._renderer = renderer
        self._managed = managed
        self._turns = turns
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self.retries: Final = Retries()
        self._forced = Forced()

    def force(self, request: Request) -> None:
        """Let the next pass ask the provider although no refresh is due: something the object refers to has changed."""
        self._forced.add(request)

    async def reconcile(self, request: Request) -> Result:
        """One pass.

        Raises:
            RetryError: it failed in a way that may pass; the condition has been written.
            TerminalError: it failed until somebody edits something; the condition has been written.
        """
        es = await self._client.find(ExternalSecret, request)
        try:
            if es is None:
                return self._gone(request)
            with self._metrics.timed(request.name, request.namespace, es.metadata.labels):
                return await self._present(request, es)
        finally:
            self._turns.wake()
            self._metrics.called(request.name, request.namespace, es)

    def _gone(self, request: Request) -> Result:
        self._metrics.forget(request.name, request.namespace)
        self.retries.forget(request)
        self._forced.forget(request)
        self._turns.forget(request)
        self._manifests.forget(request.namespace, request.name)
        return Result()

    async def _present(self, request: Request, es: ExternalSecret) -> Result:
        if es.metadata.deleting:
            await self._clean_up(es)
            return Result()
        standing = await self._managed.standing(es, self._clock())
        if standing is not Standing.OURS:
            if standing is Standing.FOREIGN:
                self._metrics.unscheduled(request.name, request.namespace)
                return Result()
            # Becoming Ready, the store wakes its users; the timer is for a store that never does.
            return Result(requeue_after=_STORE_WAIT)
        es = await self._with_finalizer(es)
        self._metrics.observe(es, es.status.conditions)
        started = self._clock()
        group = await self._gatherer.slot_group(es)
        try:
            with self._forced.taken(request) as forced:
                outcome = await self._sync(request, es, started, group, forced=forced)
        except ConflictError:
            return Result(requeue=True)
        except NotYetError:
            return Result()
        except Failure as failure:
            return await self._failed(request, es, failure, started, group)
        self.retries.forget(request)
        if outcome is not None:
            es = await self._done(es, outcome, started)
        now = self._clock()
        wait = next_look(es, now, group)
        self._metrics.scheduled(es, now, wait)
        return Result(requeue_after=wait)

    async def _sync(
        self, request: Request, es: ExternalSecret, now: datetime, group: SlotGroup | None, *, forced: bool
    ) -> Outcome | None:
        """Bring the target up to date; None when nothing was due."""
        try:
            due = should_refresh(es, now, group)
            max_age = reusable(es, forced=forced)
        except EsoError as err:
            raise Failure("could not get secret data from provider", cause_of(err), retry=False) from err
        due = due or (forced and follows_sources(es))
        failed_ago = self.retries.failed_ago(request, version_of(es))
        if es.spec.target.manifest is not None:
            max_age = min(max_age, news_within(es, now, failed_ago, valid=True))
            return await self._manifests.pass_over(es, due=due, max_age=max_age)
        current = await self._targets.read(es)
        valid = is_valid(current, es)
        if not due and valid:
            return None
        kept = kept_data(es, current)
        if kept is not None:
            return await self._targets.write(es, current, kept, unchanged(kept))
        try:
            max_age = min(max_age, news_within(es, now, failed_ago, valid=valid))
            async with self._gatherer.gathered(es, max_age=max_age) as data:
                if not data:
                    settled = await self._targets.when_empty(es, current)
                    if settled is not None:
                        return settled
                return await self._targets.write(es, current, data, lambda: self._renderer.prepare(es, data))
        except NotModifiedError:
            return Outcome()

    async def _done(self, es: ExternalSecret, outcome: Outcome, started: datetime) -> ExternalSecret:
        before = find(es.status.conditions)
        status = status_after(es, outcome, started)
        changed = before is None or (before.status, before.reason) != ("True", outcome.reason)
        text = "deleted secret" if outcome.reason in (Reason.DELETED, Reason.RESOURCE_DELETED) else "reconciled secret"
        _LOG.log(logging.INFO if changed else logging.DEBUG, "%s", text)
        return await self._write_status(es, status)

    async def _failed(
        self, request: Request, es: ExternalSecret, failure: Failure, started: datetime, group: SlotGroup | None
    ) -> Result:
        self._events.event(es, "Warning", "UpdateFailed", failure.told)
        self._metrics.failed(es)
        await self._write_status(es, status_after(es, failure, started))
        at = (self._clock(), group) if group is not None else None
        pause = self.retries.pause(
            request, failure, _interval_or_default(es), retry=failure.retry, version=version_of(es), at=at
        )
        if failure.terminal:
            raise TerminalError(str(failure)) from failure
        if not failure.retry:
            _LOG.error("%s", failure)
            return Result(requeue_after=pause)
        raise RetryError(str(failure), retry_after=pause) from failure

    async def _write_status(self, es: ExternalSecret, status: Any) -> ExternalSecret:
        try:
            written = await self._client.patch_status(es, status)
        except NotFoundError:
            return es
        self._metrics.observe(written, written.status.conditions)
        return written

    async def _with_finalizer(self, es: ExternalSecret) -> ExternalSecret:
        """Only an ExternalSecret that has something to clean up is held back when it is deleted."""
        if es.spec.target.deletion_policy != "Delete" or FINALIZER in es.metadata.finalizers:
            return es
        return await self._patch_finalizers(es, [*es.metadata.finalizers, FINALIZER])

    async def _patch_finalizers(self, es: ExternalSecret, finalizers: list[str]) -> ExternalSecret:
        metadata = {"finalizers": finalizers or None, "resourceVersion": es.metadata.resource_version}
        return await self._client.patch(ExternalSecret, es.name, es.namespace, MergePatch({"metadata": metadata}))

    async def _clean_up(self, es: ExternalSecret) -> None:
        if es.spec.target.manifest is not None:
            await self._manifests.clean_up(es)
        elif es.spec.target.deletion_policy == "Delete":
            await self._targets.delete_owned(es)
        if FINALIZER in es.metadata.finalizers:
            rest = [finalizer for finalizer in es.metadata.finalizers if finalizer != FINALIZER]
            try:
                await self._patch_finalizers(es, rest)
            except NotFoundError:
                return


def _interval_or_default(es: ExternalSecret) -> float:
    try:
        return refresh_interval(es)
    except EsoError:
        return 0.0
