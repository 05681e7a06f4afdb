"""Puts the pushsecret controller together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.metrics import KindMetrics, SeriesLabels
from eso.controllers.pushsecret.deleter import Deleter
from eso.controllers.pushsecret.memory import PushMemory
from eso.controllers.pushsecret.pusher import Pusher
from eso.controllers.pushsecret.reconciler import PushSecretReconciler
from eso.controllers.pushsecret.rollout import Rollout
from eso.controllers.pushsecret.sources import Generation, Sources
from eso.controllers.pushsecret.stores import StoreFinder
from eso.controllers.pushsecret.versions import SourceVersions
from eso.controllers.pushsecret.watches import (
    INDEXES,
    TEMPLATE_CONFIG_MAP,
    Dependents,
    changed_since_start,
    edited,
    store_works_differently,
)
from eso.controllers.revival import GeneratorChanges, revive, revive_users_of
from eso.controllers.turns import Turns
from eso.settings import ControllerSettings
from eso.stores.client_manager import ClientManager
from eso.template.keys import key_template
from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.watches import Watch
from reconcile.workqueue import ExponentialLimiter

__all__ = ["push_secret_controller"]


def push_secret_controller(
    manager: Manager,
    clients: ClientManager,
    settings: ControllerSettings,
    *,
    generation: Generation,
    changes: GeneratorChanges,
    clock: Callable[[], datetime],
) -> Controller:
    """The controller with its watches; add it to the manager."""
    informer = manager.cache.informer(PushSecret, indexes=INDEXES)
    memory = PushMemory()
    deleter = Deleter(clients, informer)
    delims = (settings.template_left_delimiter, settings.template_right_delimiter)
    turns = Turns(settings.concurrent)
    reconciler = PushSecretReconciler(
        manager.client,
        sources=Sources(manager.client.live, clients.reader, generation, delims),
        stores=StoreFinder(manager.client, clients.selection),
        rollout=Rollout(manager.client, Pusher(clients, memory), deleter, memory, key_template),
        deleter=deleter,
        memory=memory,
        versions=SourceVersions(
            manager.cache.informer(Secret, metadata_only=True),
            manager.cache.informer(ConfigMap, metadata_only=True),
        ),
        generation=generation,
        events=manager.events("pushsecret"),
        metrics=KindMetrics(
            "pushsecret", SeriesLabels(extended=settings.enable_extended_metric_labels), manager.registry
        ),
        turns=turns,
        clock=clock,
    )
    dependents = Dependents(informer, reconciler.force)
    watches = [
        Watch(Secret, dependents.of_secret, predicates=[changed_since_start], metadata_only=True),
        Watch(
            ConfigMap,
            dependents.of_template(TEMPLATE_CONFIG_MAP),
            predicates=[changed_since_start],
            metadata_only=True,
        ),
        Watch(SecretStore, dependents.of_store, predicates=[store_works_differently]),
    ]
    if settings.enable_cluster_store_reconciler:
        watches.append(Watch(ClusterSecretStore, dependents.of_store, predicates=[store_works_differently]))
    controller = Controller(
        PushSecret,
        reconciler.reconcile,
        name="pushsecret",
        watches=watches,
        predicates=[edited],
        workers=settings.concurrent,
        # Without the budget over all objects: what fails must not delay the retries of others, and vendors are spared by brokers.
        rate_limiter=ExponentialLimiter(),
    )
    turns.bind(controller.enqueue)
    revive(clients.open_circuits, dependents.users_of, reconciler.retries, controller)
    revive_users_of(changes, dependents.uses_generator, reconciler.retries, controller)
    return controller
