"""One pass over a ClusterPushSecret: which namespaces, what has to go, what has to be there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret, ClusterPushSecretStatus
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.clusterpushsecret.outcome import (
    ERRORED,
    NO_NAMESPACES,
    NOT_DELETED,
    blueprint_of,
    child_name,
    condition_of,
    failures_of,
    selection_of,
    status_after,
)
from eso.controllers.conditions import cause_of, ready
from eso.controllers.metrics import KindMetrics
from eso.controllers.pacing import recheck_after
from eso.controllers.stamping import Stamper, is_passing, stamp
from eso.errors import InvalidSpecError
from reconcile.api.core_v1 import Namespace
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.controller import Result
from reconcile.errors import NotFoundError, RetryError, TerminalError
from reconcile.events import EventRecorder

__all__ = ["ClusterPushSecretReconciler"]

_LOG: Final = logging.getLogger("controllers.ClusterPushSecret")


class ClusterPushSecretReconciler:
    """The reconcile function of the clusterpushsecret controller, and what it works with."""

    def __init__(
        self,
        client: CachedClient,
        *,
        stamper: Stamper[PushSecret],
        events: EventRecorder,
        metrics: KindMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._stamper = stamper
        self._events = events
        self._metrics = metrics
        self._clock = clock

    async def reconcile(self, request: Request) -> Result:
        """One pass.

        Raises:
            RetryError: something failed that may pass.
            TerminalError: a selector is malformed.
        """
        cps = await self._client.find(ClusterPushSecret, request)
        if cps is None:
            self._metrics.gone(request.name, "")
            self._metrics.forget_duration(request.name, "")
            return Result()
        with self._metrics.timed(request.name, ""):
            if cps.metadata.deleting:
                # Its PushSecrets go with it, each at its own pace.
                _LOG.info("%s is being deleted", request.name)
                return Result()
            return await self._sync(cps)

    async def _sync(self, cps: ClusterPushSecret) -> Result:
        try:
            selection = selection_of(cps)
        except InvalidSpecError as err:
            self._events.event(cps, "Warning", ERRORED, NO_NAMESPACES)
            condition = ready(False, ERRORED, NO_NAMESPACES)
            await self._write_status(
                cps, status_after(cps, condition, {}, provisioned=None, name=child_name(cps), now=self._clock())
            )
            raise TerminalError(f"{NO_NAMESPACES}: {err}") from err
        namespaces = selection.of(await self._client.list(Namespace))
        stamped = await stamp(self._stamper, cps, namespaces, blueprint_of(cps))
        failures = failures_of(stamped)
        if not stamped.renamed:
            self._events.event(cps, "Warning", ERRORED, NOT_DELETED)
        status = status_after(
            cps,
            condition_of(failures, renamed=stamped.renamed),
            failures,
            provisioned=stamped.provisioned,
            name=child_name(cps) if stamped.renamed else cps.status.push_secret_name,
            now=self._clock(),
        )
        await self._write_status(cps, status)
        for name, failure in stamped.failed.items():
            if is_passing(failure):
                raise RetryError(f"namespace {name}: {cause_of(failure)}") from failure
        return Result(requeue_after=recheck_after(cps.spec.refresh_time))

    async def _write_status(self, cps: ClusterPushSecret, status: ClusterPushSecretStatus) -> None:
        wire = status.to_wire()
        for condition in wire.get("conditions", ()):
            # This kind's condition usually has neither reason nor message: they are absent, not empty.
            for name in [name for name, value in condition.items() if not value]:
                del condition[name]
        try:
            written = cps if status == cps.status else await self._client.patch_status(cps, wire)
        except NotFoundError:
            return
        self._metrics.observe(written, written.status.conditions)
