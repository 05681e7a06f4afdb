"""Whether an ExternalSecret is this operator's business: by the class of its stores and generators."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.controllers.conditions import find
from eso.controllers.externalsecret.watches import store_refs
from eso.errors import ReferenceNotFoundError
from eso.stores.selection import AnyStore, StoreSelection

__all__ = ["GeneratorClasses", "ManagedFilter", "Standing"]

_SETTLING: Final = 5.0
"""Seconds that a new store gets to be validated before its users report that it is not ready."""


class GeneratorClasses(Protocol):
    """Says which controller class a generator names."""

    async def controller_class(self, ref: GeneratorRef, namespace: str) -> str | None:
        """`spec.controller` of a generator; None when it has none or cannot be found."""


class Standing(Enum):
    """What to do about an ExternalSecret."""

    OURS = "ours"
    FOREIGN = "foreign"
    """It belongs to another operator, or to nobody: leave it alone."""
    EARLY = "early"
    """A store it reads from has just been created and is about to be validated: wait for that."""


class ManagedFilter:
    """Decides which ExternalSecrets are left alone.

    Args:
        selection: finds stores.
        generators: finds the classes of generators.
        controller_class: this operator's class.
        cluster_stores: whether ClusterSecretStores are handled at all.
        flood_gate: whether stores must be Ready before they are used.
    """

    def __init__(
        self,
        selection: StoreSelection,
        generators: GeneratorClasses,
        *,
        controller_class: str,
        cluster_stores: bool,
        flood_gate: bool,
    ) -> None:
        self._selection = selection
        self._generators = generators
        self._class = controller_class
        self._cluster_stores = cluster_stores
        self._waits = flood_gate

    async def standing(self, es: ExternalSecret, now: datetime) -> Standing:
        """Whether to work on `es`: not when a store or generator of another class is referenced, or cluster stores are off.

        A reference that leads nowhere does not decide: the pass goes on and its condition names it.

        Raises:
            EsoError: the API server could not be asked.
        """
        refs = store_refs(es)
        if not self._cluster_stores and any(ref.kind == "ClusterSecretStore" for ref in refs):
            return Standing.FOREIGN
        for source in es.spec.data_from or ():
            if source.source_ref is None or source.source_ref.generator_ref is None:
                continue
            named = await self._generators.controller_class(source.source_ref.generator_ref, es.namespace)
            if named and named != self._class:
                return Standing.FOREIGN
        standing = Standing.OURS
        for ref in refs:
            try:
                store = await self._selection.load(ref, es.namespace)
            except ReferenceNotFoundError:
                continue
            if not self._selection.manages(store):
                return Standing.FOREIGN
            if self._waits and _is_settling(store, now):
                standing = Standing.EARLY
        return standing


def _is_settling(store: AnyStore, now: datetime) -> bool:
    created = store.metadata.creation_timestamp
    if created is None or find(store.status.conditions) is not None:
        return False
    return (now - created).total_seconds() < _SETTLING
