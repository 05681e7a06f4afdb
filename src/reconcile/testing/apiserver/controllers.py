"""The controllers of the control plane: one task that reacts to writes in their order."""

from __future__ import annotations

import asyncio
import logging

from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.customresources import CustomResources
from reconcile.testing.apiserver.deletes import Deleter
from reconcile.testing.apiserver.garbage import GarbageCollector
from reconcile.testing.apiserver.namespaces import NamespaceController
from reconcile.testing.apiserver.storage import Change

__all__ = ["Controllers"]

_LOG = logging.getLogger(__name__)


class Controllers:
    """Runs garbage collection, namespaces and CustomResourceDefinitions."""

    def __init__(self, cluster: Cluster, deleter: Deleter) -> None:
        self._pending: asyncio.Queue[Change] = asyncio.Queue()
        self._garbage = GarbageCollector(cluster, deleter)
        self._customs = CustomResources(cluster, deleter)
        self._namespaces = NamespaceController(cluster, deleter)
        self._customs.load()
        for resource in cluster.storage.resources():
            for stored in cluster.storage.listed(resource):
                self._garbage.note(Change(resource, stored.version, stored, None))
                self._pending.put_nowait(Change(resource, stored.version, stored, None))
        cluster.storage.listen(self._note)

    def _note(self, change: Change) -> None:
        self._garbage.note(change)
        self._customs.note(change)
        self._pending.put_nowait(change)

    async def run(self) -> None:
        """React until cancelled."""
        while True:
            change = await self._pending.get()
            try:
                self._react(change)
            finally:
                self._pending.task_done()

    def _react(self, change: Change) -> None:
        for controller in (self._customs, self._namespaces, self._garbage):
            try:
                controller.handle(change)
            except Exception:  # noqa: BLE001  the boundary of one reaction: the control plane goes on
                _LOG.exception("%s failed at %s %s", type(controller).__name__, change.resource, change.new.key)

    async def settled(self) -> None:
        """Wait until every write so far was reacted to, and the reactions too."""
        await self._pending.join()
