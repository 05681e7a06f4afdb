"""One pass over a ClusterExternalSecret: which namespaces, what has to go, what has to be there."""

from __future__ import annotations

import logging
from typing import Final

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret, ClusterExternalSecretStatus
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.clusterexternalsecret.leftovers import NamespaceFinalizers
from eso.controllers.clusterexternalsecret.outcome import (
    blueprint_of,
    child_name,
    conditions_of,
    failures_of,
    selection_of,
    status_after,
)
from eso.controllers.conditions import cause_of
from eso.controllers.metrics import KindMetrics
from eso.controllers.pacing import recheck_after
from eso.controllers.stamping import Stamped, Stamper, each_namespace, is_passing, stamp
from eso.errors import InvalidSpecError
from reconcile.api.core_v1 import Namespace
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.controller import Result
from reconcile.errors import ConflictError, NotFoundError, RetryError, TerminalError
from reconcile.finalizers import add_finalizer, remove_finalizer

__all__ = ["FINALIZER", "ClusterExternalSecretReconciler"]

FINALIZER: Final = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"
_LOG: Final = logging.getLogger("controllers.ClusterExternalSecret")


class ClusterExternalSecretReconciler:
    """The reconcile function of the clusterexternalsecret controller, and what it works with."""

    def __init__(
        self,
        client: CachedClient,
        *,
        stamper: Stamper[ExternalSecret],
        leftovers: NamespaceFinalizers,
        metrics: KindMetrics,
    ) -> None:
        self._client = client
        self._stamper = stamper
        self._leftovers = leftovers
        self._metrics = metrics

    async def reconcile(self, request: Request) -> Result:
        """One pass.

        Raises:
            RetryError: something failed that may pass.
            TerminalError: a selector is malformed.
        """
        ces = await self._client.find(ClusterExternalSecret, request)
        await self._leftovers.remove(request.name)
        if ces is None:
            self._metrics.gone(request.name, "")
            self._metrics.forget_duration(request.name, "")
            return Result()
        with self._metrics.timed(request.name, ""):
            if ces.metadata.deleting:
                await self._clean_up(ces)
                return Result()
            try:
                ces = await add_finalizer(self._client, ces, FINALIZER)
            except NotFoundError:
                return Result()
            return await self._sync(ces)

    async def _sync(self, ces: ClusterExternalSecret) -> Result:
        try:
            selection = selection_of(ces)
        except InvalidSpecError as err:
            status = status_after(
                ces, {"unknown": str(err)}, provisioned=None, name=ces.status.external_secret_name or child_name(ces)
            )
            await self._write_status(ces, status)
            raise TerminalError(str(err)) from err
        namespaces = selection.of(await self._client.list(Namespace))
        stamped = await stamp(self._stamper, ces, namespaces, blueprint_of(ces))
        name = child_name(ces) if stamped.renamed else ces.status.external_secret_name
        status = status_after(ces, failures_of(stamped), provisioned=stamped.provisioned, name=name)
        await self._write_status(ces, status)
        _raise_what_passes(stamped)
        return Result(requeue_after=recheck_after(ces.spec.refresh_time))

    async def _clean_up(self, ces: ClusterExternalSecret) -> None:
        """Delete every ExternalSecret of it, wherever it is, and let go of it."""
        children = {child.namespace: child for child in self._stamper.owned(ces)}
        failed = await each_namespace(sorted(children), lambda name: self._stamper.remove(children[name]))
        if failed:
            texts = [
                f"failed to delete ExternalSecret in namespace {name}: {cause_of(err)}" for name, err in failed.items()
            ]
            raise RetryError("; ".join(texts)) from next(iter(failed.values()))
        await remove_finalizer(self._client, ces, FINALIZER)

    async def _write_status(self, ces: ClusterExternalSecret, status: ClusterExternalSecretStatus) -> None:
        try:
            written = await self._client.patch_status(ces, status)
        except NotFoundError:
            return
        self._metrics.observe(written, conditions_of(written))


def _raise_what_passes(stamped: Stamped) -> None:
    for name, err in stamped.failed.items():
        if is_passing(err):
            kind = "conflict detected, will retry" if isinstance(err, ConflictError) else f"namespace {name}"
            raise RetryError(f"{kind}: {cause_of(err)}") from err
