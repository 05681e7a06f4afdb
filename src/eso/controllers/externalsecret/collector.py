"""Data for a sync, with the account of generated values kept whatever becomes of the sync."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.conditions import cause_of
from eso.controllers.externalsecret.data import DataCollector, Generators
from eso.controllers.externalsecret.outcome import Failure, Reason
from eso.controllers.externalsecret.watches import store_keys
from eso.controllers.slots import SlotGroup
from eso.controllers.turns import NotYetError, Turns
from eso.errors import EsoError, NotModifiedError, find_cause
from reconcile.api.request import Request
from reconcile.errors import ConflictError, ReconcileError, TerminalError
from reconcile.events import EventRecorder
from reconcile.tracebacks import frames_of

__all__ = ["Gatherer"]

_LOG: Final = logging.getLogger("controllers.ExternalSecret")


class Gatherer:
    """Collects data and tells the generators how it ended.

    Args:
        collector: asks providers and generators.
        generators: commits, or undoes, what they made.
        events: told about entries that do not exist.
        turns: says whether the stores have a worker left for it.
    """

    def __init__(self, collector: DataCollector, generators: Generators, events: EventRecorder, turns: Turns) -> None:
        self._collector = collector
        self._turns = turns
        self._generators = generators
        self._events = events

    async def slot_group(self, es: ExternalSecret) -> SlotGroup | None:
        """With which others the object is refreshed; see `grouping.slot_group`."""
        return await self._collector.slot_group(es)

    @asynccontextmanager
    async def gathered(
        self, es: ExternalSecret, *, max_age: float, reason: Reason = Reason.ERROR
    ) -> AsyncIterator[Mapping[str, bytes]]:
        """The data, to be written inside of the block; generated values are kept only if the block succeeds.

        Args:
            es: the ExternalSecret.
            max_age: seconds that a value which another object has read may be old.
            reason: of the condition when the data cannot be had.

        Raises:
            Failure: a provider or generator failed; a malformed generator reference makes it terminal.
            NotModifiedError: the provider says that nothing changed.
            ConflictError: somebody else wrote an account of generated values; try again.
            NotYetError: its stores have enough workers; the object is asked for again.
        """
        settled = False
        try:
            try:
                with self._turns.taken(Request(es.namespace, es.name), store_keys(es)):
                    collected = await self._collector.collect(es, max_age=max_age)
            except NotYetError:
                raise
            except Exception as err:  # whatever a provider does, the user of the object is told
                raise _failure(_first(err), reason) from err
            for text in collected.missing:
                self._events.event(es, "Normal", "MissingProviderSecret", text)
            yield collected.data
            await self._generators.commit(es)
            settled = True
        finally:
            if not settled:
                await self._generators.roll_back(es)


def _failure(err: Exception, reason: Reason) -> Exception:
    """What to raise for `err`; some errors are for the pass as a whole, wherever in its chain they are."""
    special = find_cause(err, NotModifiedError) or find_cause(err, ConflictError)
    if special is not None:
        return special
    if not isinstance(err, EsoError | ReconcileError):
        _LOG.error("a provider failed with an unexpected %s\n%s", type(err).__name__, frames_of(err))
    terminal = find_cause(err, TerminalError) is not None
    return Failure("could not get secret data from provider", cause_of(err), reason=reason, terminal=terminal)


def _first(err: Exception) -> Exception:
    while isinstance(err, ExceptionGroup):
        err = err.exceptions[0]
    return err
