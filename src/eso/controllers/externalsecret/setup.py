"""Puts the externalsecret controller together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.controllers.externalsecret.collector import Gatherer
from eso.controllers.externalsecret.data import DataCollector, Generators
from eso.controllers.externalsecret.dynamickinds import DynamicKinds
from eso.controllers.externalsecret.managed import GeneratorClasses, ManagedFilter
from eso.controllers.externalsecret.manifests import ManifestTargets
from eso.controllers.externalsecret.metrics import ExternalSecretMetrics
from eso.controllers.externalsecret.ownership import LABEL_MANAGED
from eso.controllers.externalsecret.reconciler import ExternalSecretReconciler
from eso.controllers.externalsecret.target import TargetSecrets
from eso.controllers.externalsecret.templates import TemplateRenderer
from eso.controllers.externalsecret.watches import (
    EXTERNAL_SECRET_INDEXES,
    MANAGED_INDEXES,
    TEMPLATE_CONFIG_MAP,
    TEMPLATE_SECRET,
    Dependents,
    store_works_differently,
)
from eso.controllers.metrics import SeriesLabels
from eso.controllers.revival import GeneratorChanges, revive, revive_users_of
from eso.controllers.turns import Turns
from eso.settings import ControllerSettings
from eso.stores.client_manager import ClientManager
from eso.template.keys import key_template
from reconcile.api.core_v1 import ConfigMap, Secret
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.predicates import (
    annotations_changed,
    any_of,
    finalizers_changed,
    generation_changed,
    labels_changed,
    resource_version_changed,
)
from reconcile.watches import Watch
from reconcile.workqueue import ExponentialLimiter

__all__ = ["MANAGED_SELECTOR", "external_secret_controller"]

MANAGED_SELECTOR = f"{LABEL_MANAGED}=true"
"""Label selector of the Secrets that the operator manages."""


def external_secret_controller(
    manager: Manager,
    clients: ClientManager,
    settings: ControllerSettings,
    *,
    generators: Generators,
    classes: GeneratorClasses,
    changes: GeneratorChanges,
    clock: Callable[[], datetime],
) -> Controller:
    """The controller with its watches; add it to the manager."""
    events = manager.events("external-secrets")
    informer = manager.cache.informer(ExternalSecret, indexes=EXTERNAL_SECRET_INDEXES)
    managed = manager.cache.informer(Secret, label_selector=MANAGED_SELECTOR, indexes=MANAGED_INDEXES)
    metadata = manager.cache.informer(Secret, metadata_only=True)
    # What was read before a template source changed must not be rendered again.
    clients.reader.follow(manager.cache.informer(ConfigMap, metadata_only=True))
    collector = DataCollector(clients, generators, key_template, flood_gate=settings.enable_flood_gate)
    turns = Turns(settings.concurrent)
    gatherer = Gatherer(collector, generators, events, turns)
    delims = (settings.template_left_delimiter, settings.template_right_delimiter)
    renderer = TemplateRenderer(clients.reader, delims)
    kinds = DynamicKinds(manager.client.live, informer)
    reconciler = ExternalSecretReconciler(
        manager.client,
        targets=TargetSecrets(manager.client, managed, metadata, events),
        manifests=ManifestTargets(
            manager.client,
            kinds=kinds,
            gatherer=gatherer,
            renderer=renderer,
            events=events,
            enabled=settings.unsafe_allow_generic_targets,
        ),
        gatherer=gatherer,
        renderer=renderer,
        turns=turns,
        managed=ManagedFilter(
            clients.selection,
            classes,
            controller_class=settings.controller_class,
            cluster_stores=settings.enable_cluster_store_reconciler,
            flood_gate=settings.enable_flood_gate,
        ),
        events=events,
        metrics=ExternalSecretMetrics(SeriesLabels(extended=settings.enable_extended_metric_labels), manager.registry),
        clock=clock,
    )
    dependents = Dependents(informer, reconciler.force)
    watches = [
        Watch(Secret, dependents.of_target, predicates=[resource_version_changed], label_selector=MANAGED_SELECTOR),
        Watch(
            Secret,
            dependents.of_appearance,
            predicates=[resource_version_changed],
            metadata_only=True,
        ),
        Watch(
            Secret,
            dependents.of_template(TEMPLATE_SECRET),
            predicates=[resource_version_changed],
            metadata_only=True,
        ),
        Watch(
            ConfigMap,
            dependents.of_template(TEMPLATE_CONFIG_MAP),
            predicates=[resource_version_changed],
            metadata_only=True,
        ),
        Watch(SecretStore, dependents.of_store, predicates=[store_works_differently]),
    ]
    if settings.enable_cluster_store_reconciler:
        watches.append(Watch(ClusterSecretStore, dependents.of_store, predicates=[store_works_differently]))
    controller = Controller(
        ExternalSecret,
        reconciler.reconcile,
        name="externalsecret",
        watches=watches,
        predicates=[any_of(generation_changed, labels_changed, annotations_changed, finalizers_changed)],
        workers=settings.concurrent,
        # Without the budget over all objects: what fails must not delay the retries of others, and vendors are spared by brokers.
        rate_limiter=ExponentialLimiter(),
    )
    kinds.bind(controller)
    turns.bind(controller.enqueue)
    revive(clients.open_circuits, dependents.users_of, reconciler.retries, controller)
    revive_users_of(changes, dependents.uses_generator, reconciler.retries, controller)
    return controller
