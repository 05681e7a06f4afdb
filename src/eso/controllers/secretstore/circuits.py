"""Tells in a store's condition that calls to its provider are held back.

`Ready` stays what the last validation found: an outage of a minute must not make every user of the store fail with another error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.controllers.conditions import LONGEST_MESSAGE, find, with_condition
from eso.stores.circuits import Circuits
from reconcile.api.meta_v1 import Condition
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.errors import APIError, ConflictError, NotFoundError, TransportError
from reconcile.watches import Enqueue

__all__ = ["HELD_BACK", "CircuitReporter", "with_circuit"]

HELD_BACK: Final = "; its provider does not answer now, and calls are held back until a probe gets through"
"""What follows the message of a Ready store while its circuit is open."""

_SETTLE: Final = 1.0
"""Seconds that news are collected: a circuit that closes at once is not worth a write."""

_LONGEST_PAUSE: Final = 60.0
"""Seconds between writes that fail, at most; the first is made again after two."""

_LOG: Final = logging.getLogger("controllers.SecretStore")


def with_circuit(condition: Condition, *, is_open: bool) -> Condition:
    """The condition of a store that is Ready, with or without the sentence; any other condition tells its own reason."""
    if condition.status != "True":
        return condition
    bare = condition.message.removesuffix(HELD_BACK)
    message = bare[: LONGEST_MESSAGE - len(HELD_BACK)] + HELD_BACK if is_open else bare
    return condition.model_copy(update={"message": message})


class CircuitReporter:
    """A `Source` that asks for no reconcile: it corrects the message when a circuit opens or closes.

    Args:
        kind: of the stores.
        client: reads and writes without a cache; a write that meets another is made anew.
        circuits: who knows.
        clock: the wall clock.
    """

    def __init__(
        self,
        kind: type[SecretStore] | type[ClusterSecretStore],
        client: Client,
        circuits: Circuits,
        clock: Callable[[], datetime],
    ) -> None:
        self._kind = kind
        self._client = client
        self._circuits = circuits
        self._clock = clock

    async def run(self, enqueue: Enqueue) -> None:
        """Follow the circuits until cancelled."""
        waiting: set[tuple[str, str, str]] = set()
        news = asyncio.Event()

        def changed(store: tuple[str, str, str]) -> None:
            if store[0] == self._kind.resource.kind:
                waiting.add(store)
                news.set()

        stop, pause = self._circuits.listen(changed), _SETTLE
        try:
            while True:
                await news.wait()
                await asyncio.sleep(pause)
                news.clear()
                failed = []
                for store in sorted(waiting):
                    waiting.discard(store)
                    if not await self._told(store):
                        failed.append(store)
                pause = min(pause * 2.0, _LONGEST_PAUSE) if failed else _SETTLE
                for store in failed:
                    changed(store)
        finally:
            stop()

    async def _told(self, label: tuple[str, str, str]) -> bool:
        """Write what is so now; False when it has to be tried again."""
        kind, namespace, name = label
        try:
            store = await self._client.get(self._kind, name, namespace)
            condition = find(store.status.conditions)
            if condition is None:
                return True
            wanted = with_circuit(condition, is_open=self._circuits.is_open(label))
            if wanted.message == condition.message:
                return True
            conditions = with_condition(store.status.conditions, wanted, self._clock())
            status = store.status.model_copy(update={"conditions": conditions}).to_wire()
            version = {"resourceVersion": store.metadata.resource_version}
            patch = MergePatch({"metadata": version, "status": {"conditions": status["conditions"]}})
            await self._client.patch(self._kind, name, namespace, patch, subresource="status")
        except NotFoundError:
            return True
        except ConflictError:
            return False
        except (APIError, TransportError) as err:
            _LOG.warning("the circuit of %s %s/%s could not be shown: %s", kind, namespace, name, err)
            return False
        return True
