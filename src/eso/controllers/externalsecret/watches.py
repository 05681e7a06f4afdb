"""Which changes concern which ExternalSecrets: indexes instead of scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.controllers.conditions import find
from eso.controllers.externalsecret.ownership import LABEL_MANAGED, LABEL_OWNER
from eso.controllers.externalsecret.target import target_name
from eso.controllers.storekeys import store_key
from reconcile.api.core_v1 import Secret
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.predicates import ObjectEvent
from reconcile.watches import MapFunction

__all__ = [
    "EXTERNAL_SECRET_INDEXES",
    "MANAGED_INDEXES",
    "Dependents",
    "store_keys",
    "store_refs",
    "store_works_differently",
]

TARGET: Final = ".metadata.targetSecretName"
RESOURCE: Final = ".spec.target.resource"
STORE: Final = "stores"
TEMPLATE_SECRET: Final = "templateFrom.secret"
TEMPLATE_CONFIG_MAP: Final = "templateFrom.configMap"


def store_refs(es: ExternalSecret) -> list[SecretStoreRef]:
    """Every store the object reads from: its own, then those of its entries."""
    refs = [es.spec.secret_store_ref]
    refs += [entry.source_ref.store_ref for entry in es.spec.data or () if entry.source_ref]
    refs += [entry.source_ref.store_ref for entry in es.spec.data_from or () if entry.source_ref]
    return [ref for ref in refs if ref is not None and ref.name]


def _by_target(es: ExternalSecret) -> list[str]:
    return [] if es.spec.target.manifest is not None else [target_name(es)]


def resource_key(api_version: str, kind: str, name: str) -> str:
    """Index value of a target that is not a Secret: `group/version/kind/name`, with an empty group for the core."""
    group, _, version = api_version.rpartition("/")
    return f"{group}/{version}/{kind}/{name}"


def _by_resource(es: ExternalSecret) -> list[str]:
    manifest = es.spec.target.manifest
    return [] if manifest is None else [resource_key(manifest.api_version, manifest.kind, target_name(es))]


def store_keys(es: ExternalSecret) -> set[str]:
    """Index values of the stores that the object reads from."""
    return {store_key(ref.kind or "SecretStore", es.namespace, ref.name or "") for ref in store_refs(es)}


def _by_template_secret(es: ExternalSecret) -> set[str]:
    template = es.spec.target.template
    sources = template.template_from or () if template is not None else ()
    return {source.secret.name for source in sources if source.secret is not None}


def _by_template_config_map(es: ExternalSecret) -> set[str]:
    template = es.spec.target.template
    sources = template.template_from or () if template is not None else ()
    return {source.config_map.name for source in sources if source.config_map is not None}


EXTERNAL_SECRET_INDEXES: Final[dict[str, Callable[[ExternalSecret], Iterable[str]]]] = {
    TARGET: _by_target,
    RESOURCE: _by_resource,
    STORE: store_keys,
    TEMPLATE_SECRET: _by_template_secret,
    TEMPLATE_CONFIG_MAP: _by_template_config_map,
}


def _by_owner_label(secret: Secret) -> list[str]:
    label = secret.metadata.labels.get(LABEL_OWNER)
    return [label] if label else []


MANAGED_INDEXES: Final[dict[str, Callable[[Secret], Iterable[str]]]] = {LABEL_OWNER: _by_owner_label}


def store_works_differently(event: ObjectEvent) -> bool:
    """A store appeared, its spec changed, or it became Ready; its revalidation alone is no reason to sync again.

    Those that are there at start are no news: otherwise every start would ask providers again and make new generated values.
    """
    old, new = event.old, event.new
    if new is None:
        return False
    if old is None:
        return event.type != "sync" and not event.initial
    return old.metadata.generation != new.metadata.generation or (_is_ready(new) and not _is_ready(old))


def _is_ready(store: KubeObject) -> bool:
    condition = find(getattr(getattr(store, "status", None), "conditions", None))
    return condition is not None and condition.status == "True"


class Dependents:
    """Map functions from a changed object to the ExternalSecrets that use it.

    Args:
        informer: of ExternalSecrets, with `EXTERNAL_SECRET_INDEXES`.
        force: told about each object whose sources changed, so that its next pass asks the provider again.
    """

    def __init__(self, informer: Informer[ExternalSecret], force: Callable[[Request], None]) -> None:
        self._informer = informer
        self._force = force

    def of_target(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """The ExternalSecrets that write this Secret."""
        return [
            request for subject in _subjects(old, new) for request in self._of(TARGET, subject.name, subject.namespace)
        ]

    def of_appearance(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """The ExternalSecrets that have waited for somebody else to create this Secret, which has no managed label yet."""
        if old is not None or new is None or new.metadata.labels.get(LABEL_MANAGED) == "true":
            return []
        return self.of_target(None, new)

    def of_store(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """The ExternalSecrets that read from this store."""
        found = []
        for store in _subjects(old, new):
            kind = "ClusterSecretStore" if isinstance(store, ClusterSecretStore) else "SecretStore"
            found += self._of(STORE, store_key(kind, store.namespace, store.name), store.namespace or None)
        return self._forced(found)

    def users_of(self, kind: str, namespace: str, name: str) -> list[Request]:
        """The ExternalSecrets that read from the store of this kind, namespace and name."""
        return self._of(STORE, store_key(kind, namespace, name), namespace or None)

    def uses_generator(self, request: Request, kind: str, name: str) -> bool:
        """Whether the object refers to the generator of this kind and name."""
        es = self._informer.get(request.name, request.namespace)
        refs = [entry.source_ref.generator_ref for entry in (es.spec.data_from or ()) if entry.source_ref] if es else []
        return any(ref is not None and (ref.kind, ref.name) == (kind, name) for ref in refs)

    def of_template(self, index: str) -> MapFunction:
        """The ExternalSecrets whose templates come from the changed Secret or ConfigMap; `index` says which."""

        def users(old: KubeObject | None, new: KubeObject | None) -> list[Request]:
            if old is None:
                # Listed at start, or created: an ExternalSecret that waits for it is failing and tries again by itself.
                return [] if new is None else self._of(index, new.name, new.namespace)
            return self._forced(self._of(index, old.name, old.namespace))

        return users

    def _of(self, index: str, value: str, namespace: str | None) -> list[Request]:
        return [Request(es.namespace, es.name) for es in self._informer.list(namespace, index=(index, value))]

    def _forced(self, requests: list[Request]) -> list[Request]:
        for request in requests:
            self._force(request)
        return requests


def _subjects(old: KubeObject | None, new: KubeObject | None) -> list[KubeObject]:
    return [new] if new is not None else [old] if old is not None else []
