"""Which changes concern which PushSecrets: indexes instead of scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretStoreRef
from eso.controllers.conditions import find
from eso.controllers.pushsecret.deleter import CLAIMS
from eso.controllers.pushsecret.ledger import FINALIZER, OWN
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.client.selectors import selector_of
from reconcile.predicates import ObjectEvent, generation_changed, labels_changed, resource_version_changed
from reconcile.watches import MapFunction

__all__ = ["INDEXES", "TEMPLATE_CONFIG_MAP", "Dependents", "changed_since_start", "edited", "store_works_differently"]

SOURCE: Final = "spec.selector.secret.name"
SELECTS: Final = "spec.selector.secret.selector"
STORE: Final = "spec.secretStoreRefs"
TEMPLATE_SECRET: Final = "spec.template.templateFrom.secret"
TEMPLATE_CONFIG_MAP: Final = "spec.template.templateFrom.configMap"

_ANY: Final = "*"


def _by_source(push: PushSecret) -> list[str]:
    secret = push.spec.selector.secret
    return [secret.name] if secret is not None and secret.name else []


def _by_selection(push: PushSecret) -> list[str]:
    secret = push.spec.selector.secret
    return [_ANY] if secret is not None and not secret.name and secret.selector is not None else []


def _by_store(push: PushSecret) -> set[str]:
    return {f"{ref.kind}/{ref.name if ref.label_selector is None else _ANY}" for ref in push.spec.secret_store_refs}


def _by_template_secret(push: PushSecret) -> set[str]:
    sources = (push.spec.template.template_from or ()) if push.spec.template is not None else ()
    return {source.secret.name for source in sources if source.secret is not None}


def _by_template_config_map(push: PushSecret) -> set[str]:
    sources = (push.spec.template.template_from or ()) if push.spec.template is not None else ()
    return {source.config_map.name for source in sources if source.config_map is not None}


INDEXES: Final[dict[str, Callable[[PushSecret], Iterable[str]]]] = {
    SOURCE: _by_source,
    SELECTS: _by_selection,
    STORE: _by_store,
    TEMPLATE_SECRET: _by_template_secret,
    TEMPLATE_CONFIG_MAP: _by_template_config_map,
    **CLAIMS,
}


def edited(event: ObjectEvent) -> bool:
    """Somebody changed the object: not its status, and not the operator, whose own marks concern nobody."""
    old, new = event.old, event.new
    if old is None or new is None:
        return True
    return (
        generation_changed(event)
        or labels_changed(event)
        or _annotations(old) != _annotations(new)
        or (FINALIZER in old.metadata.finalizers and FINALIZER not in new.metadata.finalizers)
    )


def _annotations(push: KubeObject) -> dict[str, str]:
    return {key: value for key, value in push.metadata.annotations.items() if key not in OWN}


def changed_since_start(event: ObjectEvent) -> bool:
    """Something happened to it while this process watched; what is there at start is looked at anyway."""
    return event.type != "sync" and not event.initial and resource_version_changed(event)


def store_works_differently(event: ObjectEvent) -> bool:
    """A store appeared, its spec or labels changed, or it became Ready."""
    old, new = event.old, event.new
    if new is None:
        return False
    if old is None:
        return event.type != "sync" and not event.initial
    changed = (old.metadata.generation, old.metadata.labels) != (new.metadata.generation, new.metadata.labels)
    return changed or (_is_ready(new) and not _is_ready(old))


def _is_ready(store: KubeObject) -> bool:
    condition = find(store.status.conditions) if isinstance(store, SecretStore | ClusterSecretStore) else None
    return condition is not None and condition.status == "True"


class Dependents:
    """Map functions from a changed object to the PushSecrets that use it.

    Args:
        informer: of PushSecrets, with `INDEXES`.
        force: told about each object whose sources or stores changed, so that its next pass pushes.
    """

    def __init__(self, informer: Informer[PushSecret], force: Callable[[Request], None]) -> None:
        self._informer = informer
        self._force = force

    def of_secret(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """The PushSecrets that push this Secret, or take templates from it."""
        subject = new if new is not None else old
        if subject is None:
            return []
        name, namespace = subject.name, subject.namespace
        found = self._of(SOURCE, name, namespace) + self._of(TEMPLATE_SECRET, name, namespace)
        found += [push for push in self._of(SELECTS, _ANY, namespace) if _selects(push, old) or _selects(push, new)]
        return self._requests(found, forced=True)

    def of_template(self, index: str) -> MapFunction:
        """The PushSecrets whose templates come from the changed ConfigMap."""

        def users(old: KubeObject | None, new: KubeObject | None) -> list[Request]:
            subject = new if new is not None else old
            if subject is None:
                return []
            return self._requests(self._of(index, subject.name, subject.namespace), forced=True)

        return users

    def of_store(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        """The PushSecrets that write to this store, or have written to it."""
        store = new if new is not None else old
        if store is None:
            return []
        kind = store.resource.kind
        namespace = store.namespace or None
        found = self._of(STORE, f"{kind}/{store.name}", namespace)
        for push in self._of(STORE, f"{kind}/{_ANY}", namespace):
            if any(_matches(ref, kind, subject) for ref in push.spec.secret_store_refs for subject in (old, new)):
                found.append(push)
        changed = old is None or new is None or _differs(old, new)
        return self._requests(found, forced=changed)

    def users_of(self, kind: str, namespace: str, name: str) -> list[Request]:
        """The PushSecrets that may write to the store of this kind, namespace and name; one that selects by labels may."""
        found = self._of(STORE, f"{kind}/{name}", namespace or None) + self._of(
            STORE, f"{kind}/{_ANY}", namespace or None
        )
        return self._requests(found, forced=False)

    def uses_generator(self, request: Request, kind: str, name: str) -> bool:
        """Whether the object refers to the generator of this kind and name."""
        push = self._informer.get(request.name, request.namespace)
        ref = push.spec.selector.generator_ref if push is not None else None
        return ref is not None and (ref.kind, ref.name) == (kind, name)

    def _of(self, index: str, value: str, namespace: str | None) -> list[PushSecret]:
        return self._informer.list(namespace, index=(index, value))

    def _requests(self, pushes: list[PushSecret], *, forced: bool) -> list[Request]:
        requests = list(dict.fromkeys(Request(push.namespace, push.name) for push in pushes))
        for request in requests if forced else ():
            self._force(request)
        return requests


def _differs(old: KubeObject, new: KubeObject) -> bool:
    return (old.metadata.generation, old.metadata.labels) != (new.metadata.generation, new.metadata.labels)


def _selects(push: PushSecret, secret: KubeObject | None) -> bool:
    source = push.spec.selector.secret
    if secret is None or source is None or source.selector is None:
        return False
    try:
        return selector_of(source.selector).matches(secret.metadata.labels)
    except ValueError:
        return False


def _matches(ref: PushSecretStoreRef, kind: str, store: KubeObject | None) -> bool:
    if store is None or ref.kind != kind or ref.label_selector is None:
        return False
    try:
        return selector_of(ref.label_selector).matches(store.metadata.labels)
    except ValueError:
        return False
