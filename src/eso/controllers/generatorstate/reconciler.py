"""One pass over a GeneratorState: hold it, let it go at its deadline, undo the leftover before it is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.controllers.conditions import cause_of
from eso.errors import EsoError
from eso.generators.state import FINALIZER
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.controller import Result
from reconcile.errors import ConflictError, NotFoundError, ReconcileError
from reconcile.events import EventRecorder
from reconcile.finalizers import add_finalizer, has_finalizer, remove_finalizer

__all__ = ["CleanUp", "GeneratorStateReconciler"]

_LOG: Final = logging.getLogger("controllers.GeneratorState")


class CleanUp(Protocol):
    """Undoes what a generator left behind."""

    async def clean_up(self, manifest: object, state: object, namespace: str) -> None:
        """Undo it; already gone is success.

        Raises:
            EsoError: it could not be undone.
        """


class GeneratorStateReconciler:
    """The reconcile function of the generatorstate controller.

    Args:
        client: reads from caches, writes.
        runner: undoes leftovers.
        abandoned: says of a state that nobody is going to use what it stands for.
        events: told why a leftover cannot be undone.
        clock: the wall clock.
    """

    def __init__(
        self,
        client: CachedClient,
        runner: CleanUp,
        *,
        abandoned: Callable[[GeneratorState], bool],
        events: EventRecorder,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._runner = runner
        self._abandoned = abandoned
        self._events = events
        self._clock = clock

    async def reconcile(self, request: Request) -> Result:
        """One pass.

        Raises:
            EsoError: the leftover could not be undone; the finalizer stays.
            APIError, TransportError: the API server refused or did not answer.
        """
        state = await self._client.find(GeneratorState, request)
        if state is None:
            return Result()
        if state.metadata.deleting:
            if has_finalizer(state, FINALIZER):
                await self._undo(state)
            return Result()
        try:
            state = await add_finalizer(self._client, state, FINALIZER)
        except NotFoundError:
            return Result()
        deadline = state.spec.garbage_collection_deadline
        if deadline is None:
            if self._abandoned(state):
                await self._delete(state)
            return Result()
        remaining = (deadline - self._clock()).total_seconds()
        if remaining > 0:
            return Result(requeue_after=remaining)
        await self._delete(state)
        return Result()

    async def _undo(self, state: GeneratorState) -> None:
        try:
            await self._runner.clean_up(state.spec.resource, state.spec.state, state.namespace)
        except (EsoError, ReconcileError) as err:
            self._events.event(state, "Warning", "CleanupFailed", cause_of(err))
            raise
        await remove_finalizer(self._client, state, FINALIZER)
        _LOG.info("what the generator had made is undone")

    async def _delete(self, state: GeneratorState) -> None:
        try:
            await self._client.delete(state, missing_ok=True)
        except ConflictError:
            # Another object has taken the name: it gets a pass of its own.
            return
