"""Which versions of its sources a PushSecret has pushed, so that a change while no operator watched is not lost."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.pushsecret.ledger import PUSHED
from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.api.model import KubeObject
from reconcile.cache.informer import Informer
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.client.selectors import selector_of

__all__ = ["SourceVersions"]

_DIGEST: Final = 8


class SourceVersions:
    """Compares the sources as the caches show them with those of the last push, which an annotation remembers.

    Args:
        client: writes the annotation.
        secrets: of metadata at least.
        config_maps: as `secrets`.
    """

    def __init__(self, client: Client, secrets: Informer[Secret], config_maps: Informer[ConfigMap]) -> None:
        self._client = client
        self._secrets = secrets
        self._config_maps = config_maps

    def of(self, push: PushSecret) -> str:
        """Digest of the versions now; ask before the sources are read, so that it is never ahead of what is pushed."""
        found: list[KubeObject | None] = []
        source = push.spec.selector.secret
        if source is not None and source.name:
            found.append(self._secrets.get(source.name, push.namespace))
        elif source is not None and source.selector is not None:
            found += self._selected(push)
        for step in (push.spec.template.template_from or ()) if push.spec.template is not None else ():
            if step.secret is not None:
                found.append(self._secrets.get(step.secret.name, push.namespace))
            if step.config_map is not None:
                found.append(self._config_maps.get(step.config_map.name, push.namespace))
        versions = [(obj.metadata.uid, obj.metadata.resource_version) for obj in found if obj is not None]
        return hashlib.blake2b(msgspec.json.encode(sorted(versions)), digest_size=_DIGEST).hexdigest()

    def changed(self, push: PushSecret) -> bool:
        """Whether the sources are others than those that were pushed; never for what was pushed by an older operator."""
        pushed = push.metadata.annotations.get(PUSHED)
        return pushed is not None and pushed != self.of(push)

    async def record(self, push: PushSecret, versions: str) -> PushSecret:
        """Remember what was pushed; call it when all of it has been.

        Raises:
            APIError, TransportError: it could not be written.
        """
        if push.metadata.annotations.get(PUSHED) == versions:
            return push
        patch = MergePatch({"metadata": {"annotations": {PUSHED: versions}}})
        return await self._client.patch(PushSecret, push.name, push.namespace, patch)

    def _selected(self, push: PushSecret) -> list[Secret]:
        source = push.spec.selector.secret
        if source is None or source.selector is None:
            return []
        try:
            labels = selector_of(source.selector)
        except ValueError:
            return []
        return [secret for secret in self._secrets.list(push.namespace) if labels.matches(secret.metadata.labels)]
