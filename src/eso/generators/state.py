"""GeneratorStates: the record of what generators left behind, one object for each leftover that is still to be undone.

A leftover is recorded before its value is used. When the value is superseded its record gets a deadline; deleting the record
undoes the leftover, because the generatorstate controller holds a finalizer on it. So it does not matter when the operator
dies: what is recorded is undone, at the latest when the owner is deleted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from eso.api.generators_v1alpha1.generatorstate import GeneratorState, GeneratorStateSpec
from eso.transform.hash import object_hash
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.cache.informer import Informer
from reconcile.client.client import Client
from reconcile.client.patch import JsonPatch, MergePatch
from reconcile.errors import NotFoundError
from reconcile.owners import owner_reference

__all__ = ["FINALIZER", "INTENT", "LABEL_OWNER_KEY", "OWNER", "STATE_INDEXES", "GeneratorStates", "owner_key"]

FINALIZER: Final = "generatorstate.externalsecrets.io/finalizer"
"""Held until the leftover is undone."""

INTENT: Final = "generators.external-secrets.io/intent"
"""Annotation of a state that was recorded before the generator has answered: the leftover may exist or not.

Its value names the process that asked; when that is another than this one, nobody waits for the answer any more.
"""

LABEL_OWNER_KEY: Final = "generators.external-secrets.io/owner-key"
"""Says for which entry of which object a state was made."""

OWNER: Final = "owner"
"""Name of the index of GeneratorStates by uid of an owner, and by owner key."""


def owner_key(owner: KubeObject, state_key: str) -> str:
    """Value of the owner label.

    Args:
        owner: the ExternalSecret or PushSecret.
        state_key: which of its entries.
    """
    return object_hash(f"{owner.resource.kind}-{owner.namespace}-{owner.name}-{state_key}")


def _owners(state: GeneratorState) -> Iterable[str]:
    yield from (reference.uid for reference in state.metadata.owner_references)
    label = state.metadata.labels.get(LABEL_OWNER_KEY)
    if label:
        yield label


STATE_INDEXES: Final = {OWNER: _owners}
"""Indexes that the informer given to `GeneratorStates` needs."""


class GeneratorStates:
    """Reads and writes GeneratorStates.

    Args:
        client: writes; the informer sees at once what it wrote.
        informer: of GeneratorStates, with `STATE_INDEXES`.
    """

    def __init__(self, client: Client, informer: Informer[GeneratorState]) -> None:
        self._client = client
        self._informer = informer
        self._process = uuid.uuid4().hex

    async def record(
        self, owner: KubeObject, state_key: str, manifest: Any, state: Any, *, intended: bool = False
    ) -> GeneratorState:
        """Remember a leftover.

        It is born with the finalizer, so that there is no moment in which its deletion would undo nothing.

        Args:
            owner: the ExternalSecret or PushSecret it was made for; deleting that undoes it.
            state_key: which of its entries.
            manifest: of the generator.
            state: what the generator returned, or is going to leave behind.
            intended: the latter; see `fulfil`.

        Raises:
            APIError, TransportError: it could not be written.
        """
        metadata = ObjectMeta(
            generate_name=f"gen-{owner.resource.kind.lower()}-{owner.name}-",
            namespace=owner.namespace,
            labels={LABEL_OWNER_KEY: owner_key(owner, state_key)},
            annotations={INTENT: self._process} if intended else {},
            owner_references=[owner_reference(owner)],
            finalizers=[FINALIZER],
        )
        spec = GeneratorStateSpec(resource=manifest, state=state)
        return await self._client.create(GeneratorState(metadata=metadata, spec=spec))

    async def fulfil(self, intended: GeneratorState, state: Any) -> GeneratorState:
        """What was intended exists: remember what the generator returned.

        Raises:
            APIError, TransportError: it could not be written.
        """
        # Replaced, not merged: nothing of the intent stays.
        annotation = INTENT.replace("/", "~1")
        patch = JsonPatch(
            [
                {"op": "replace", "path": "/spec/state", "value": state},
                {"op": "remove", "path": f"/metadata/annotations/{annotation}"},
            ]
        )
        return await self._client.patch(GeneratorState, intended.name, intended.namespace, patch)

    def abandoned(self, state: GeneratorState) -> bool:
        """Whether it is the intent of a process that has ended: only one operator works at a time."""
        return state.metadata.annotations.get(INTENT, self._process) != self._process

    def intents(self, owner: KubeObject, state_key: str) -> list[GeneratorState]:
        """Those recorded before a generator that never was seen to answer."""
        return [state for state in self.live(owner, [state_key], every=False) if INTENT in state.metadata.annotations]

    def live(self, owner: KubeObject, keys: Iterable[str], *, every: bool) -> list[GeneratorState]:
        """States of an owner that have no deadline.

        Args:
            owner: the ExternalSecret or PushSecret.
            keys: state keys that count.
            every: states of other keys count too, as long as they belong to this very object.
        """
        wanted = [owner_key(owner, key) for key in keys]
        if every and owner.metadata.uid:
            wanted.append(owner.metadata.uid)
        found = {
            state.name: state
            for value in wanted
            for state in self._informer.list(owner.namespace, index=(OWNER, value))
        }
        return [
            state
            for state in found.values()
            if state.spec.garbage_collection_deadline is None and not state.metadata.deleting
        ]

    async def retire(self, state: GeneratorState, deadline: datetime) -> None:
        """Have the leftover undone at `deadline`; one that is gone already needs nothing.

        Raises:
            APIError, TransportError: it could not be written.
        """
        text = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        patch = MergePatch({"spec": {"garbageCollectionDeadline": text}})
        try:
            await self._client.patch(GeneratorState, state.name, state.namespace, patch)
        except NotFoundError:
            return

    async def drop(self, state: GeneratorState) -> None:
        """Remove the record of a leftover that has been undone.

        Raises:
            APIError, TransportError: it could not be written.
        """
        patch = MergePatch({"metadata": {"finalizers": None}})
        try:
            await self._client.patch(GeneratorState, state.name, state.namespace, patch)
            await self._client.delete(state)
        except NotFoundError:
            return
