"""Puts the controllers of both kinds of store together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.metrics import KindMetrics, SeriesLabels
from eso.controllers.secretstore.circuits import CircuitReporter
from eso.controllers.secretstore.credentials import CREDENTIALS, CredentialUsers, credential_keys, is_news
from eso.controllers.secretstore.reconciler import StoreReconciler
from eso.controllers.secretstore.usage import PUSH_SECRET_INDEXES, StoreUsers
from eso.controllers.secretstore.validator import PooledValidator
from eso.settings import ControllerSettings
from eso.stores.client_manager import ClientManager
from reconcile.api.core_v1 import Secret
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.predicates import (
    ObjectEvent,
    annotations_changed,
    any_of,
    generation_changed,
    labels_changed,
    resource_version_changed,
)
from reconcile.watches import Watch
from reconcile.workqueue import ExponentialLimiter

__all__ = ["store_controller"]

_COMPONENTS = {"SecretStore": "secret-store", "ClusterSecretStore": "cluster-secret-store"}


def store_controller(
    kind: type[SecretStore] | type[ClusterSecretStore],
    manager: Manager,
    clients: ClientManager,
    settings: ControllerSettings,
    *,
    clock: Callable[[], datetime],
) -> Controller:
    """The controller of one kind of store with its watches; add it to the manager."""
    name = kind.resource.kind.lower()
    users = None
    stores = cast(Any, manager.cache.informer(kind, indexes={CREDENTIALS: credential_keys}))
    watches = [
        Watch(
            Secret,
            CredentialUsers(stores).of_secret,
            predicates=[resource_version_changed, is_news],
            metadata_only=True,
        )
    ]
    if settings.enable_push_secret_reconciler:
        users = StoreUsers(manager.cache.informer(PushSecret, indexes=PUSH_SECRET_INDEXES), stores, kind)
        watches.append(Watch(PushSecret, users.of_push_secret, predicates=[_holds_stores_differently]))
    reconciler = StoreReconciler(
        kind,
        manager.client,
        validator=PooledValidator(clients),
        registry=clients.registry,
        users=users,
        events=manager.events(_COMPONENTS[kind.resource.kind]),
        metrics=KindMetrics(name, SeriesLabels(extended=settings.enable_extended_metric_labels), manager.registry),
        controller_class=settings.controller_class,
        requeue_interval=settings.store_requeue_interval,
        clock=clock,
    )
    return Controller(
        kind,
        reconciler.reconcile,
        name=name,
        watches=watches,
        sources=[CircuitReporter(kind, manager.client.live, clients.open_circuits, clock)],
        predicates=[any_of(generation_changed, labels_changed, annotations_changed)],
        workers=settings.concurrent,
        # Without the budget over all objects: what fails must not delay the retries of others, and vendors are spared by brokers.
        rate_limiter=ExponentialLimiter(),
    )


def _holds_stores_differently(event: ObjectEvent) -> bool:
    """A PushSecret came or went, or names other stores than before; what it pushed does not matter to them."""
    old, new = event.old, event.new
    if not (isinstance(old, PushSecret) and isinstance(new, PushSecret)):
        return True
    return (
        old.spec.secret_store_refs != new.spec.secret_store_refs
        or old.spec.deletion_policy != new.spec.deletion_policy
        or set(old.status.synced_push_secrets or ()) != set(new.status.synced_push_secrets or ())
    )
