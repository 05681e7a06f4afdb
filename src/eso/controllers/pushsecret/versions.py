"""Whether the sources of a PushSecret were written after its last push, so that a change while no operator watched is not lost."""

from __future__ import annotations

from collections.abc import Iterator

from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.conditions import find
from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.api.model import KubeObject
from reconcile.cache.informer import Informer
from reconcile.cache.store import is_older
from reconcile.client.selectors import selector_of

__all__ = ["SourceVersions"]


class SourceVersions:
    """Compares the resource versions of sources, as the caches show them, with that of the PushSecret.

    Every push ends with a write of the PushSecret's status, so a source that has a later version was not pushed as it is now.
    Nothing has to be remembered for this. An API server that keeps the two kinds apart, so that their versions say nothing about each
    other, costs a push at start, or makes a change wait for the refresh.

    Args:
        secrets: of metadata at least.
        config_maps: as `secrets`.
    """

    def __init__(self, secrets: Informer[Secret], config_maps: Informer[ConfigMap]) -> None:
        self._secrets = secrets
        self._config_maps = config_maps

    def changed(self, push: PushSecret) -> bool:
        """Whether there may be something that was not pushed: a later source, one that is gone, or a push that failed."""
        condition = find(push.status.conditions)
        if condition is None or condition.status != "True":
            return True
        pushed = push.metadata.resource_version
        return any(one is None or is_older(pushed, one.metadata.resource_version) for one in self._sources(push))

    def _sources(self, push: PushSecret) -> Iterator[KubeObject | None]:
        source = push.spec.selector.secret
        if source is not None and source.name:
            yield self._secrets.get(source.name, push.namespace)
        elif source is not None and source.selector is not None:
            yield from self._selected(push)
        for step in (push.spec.template.template_from or ()) if push.spec.template is not None else ():
            if step.secret is not None:
                yield self._secrets.get(step.secret.name, push.namespace)
            if step.config_map is not None:
                yield self._config_maps.get(step.config_map.name, push.namespace)

    def _selected(self, push: PushSecret) -> list[Secret]:
        source = push.spec.selector.secret
        if source is None or source.selector is None:
            return []
        try:
            labels = selector_of(source.selector)
        except ValueError:
            return []
        return [secret for secret in self._secrets.list(push.namespace) if labels.matches(secret.metadata.labels)]
