"""Whether an ExternalSecret is this operator's business: by the class of its stores and generators."""

from __future__ import annotations

from typing import Protocol

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.controllers.externalsecret.watches import store_refs
from eso.errors import ReferenceNotFoundError
from eso.stores.selection import StoreSelection

__all__ = ["GeneratorClasses", "ManagedFilter"]


class GeneratorClasses(Protocol):
    """Says which controller class a generator names."""

    async def controller_class(self, ref: GeneratorRef, namespace: str) -> str | None:
        """`spec.controller` of a generator; None when it has none or cannot be found."""


class ManagedFilter:
    """Decides which ExternalSecrets are left alone.

    Args:
        selection: finds stores.
        generators: finds the classes of generators.
        controller_class: this operator's class.
        cluster_stores: whether ClusterSecretStores are handled at all.
    """

    def __init__(
        self, selection: StoreSelection, generators: GeneratorClasses, *, controller_class: str, cluster_stores: bool
    ) -> None:
        self._selection = selection
        self._generators = generators
        self._class = controller_class
        self._cluster_stores = cluster_stores

    async def handles(self, es: ExternalSecret) -> bool:
        """False when a store or generator of another class is referenced, or cluster stores are switched off.

        A reference that leads nowhere does not decide: the pass goes on and its condition names it.

        Raises:
            EsoError: the API server could not be asked.
        """
        refs = store_refs(es)
        if not self._cluster_stores and any(ref.kind == "ClusterSecretStore" for ref in refs):
            return False
        for source in es.spec.data_from or ():
            if source.source_ref is None or source.source_ref.generator_ref is None:
                continue
            named = await self._generators.controller_class(source.source_ref.generator_ref, es.namespace)
            if named and named != self._class:
                return False
        for ref in refs:
            try:
                store = await self._selection.load(ref, es.namespace)
            except ReferenceNotFoundError:
                continue
            if not self._selection.manages(store):
                return False
        return True
