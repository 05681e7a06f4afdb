"""Puts the clusterexternalsecret controller together."""

from __future__ import annotations

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.clusterexternalsecret.leftovers import FINALIZER_INDEXES, NamespaceFinalizers, holders_of
from eso.controllers.clusterexternalsecret.outcome import child_name, selection_of
from eso.controllers.clusterexternalsecret.reconciler import FINALIZER, ClusterExternalSecretReconciler
from eso.controllers.metrics import KindMetrics, SeriesLabels
from eso.controllers.namespaces import NamespaceWatch, changes_membership
from eso.controllers.stamping import OWNER_INDEX, Stamper, by_controller
from eso.controllers.stampwatch import ChildWatch, child_changed, edited
from eso.settings import ControllerSettings
from reconcile.api.core_v1 import Namespace
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.watches import Watch

__all__ = ["cluster_external_secret_controller"]


def cluster_external_secret_controller(manager: Manager, settings: ControllerSettings) -> Controller:
    """The controller with its watches; add it to the manager."""
    informer = manager.cache.informer(ClusterExternalSecret)
    children = manager.cache.informer(ExternalSecret, indexes={OWNER_INDEX: by_controller})
    namespaces = manager.cache.informer(Namespace, indexes=FINALIZER_INDEXES)
    reconciler = ClusterExternalSecretReconciler(
        manager.client,
        stamper=Stamper(manager.client, ExternalSecret, children),
        leftovers=NamespaceFinalizers(manager.client, namespaces),
        metrics=KindMetrics(
            "clusterexternalsecret", SeriesLabels(extended=settings.enable_extended_metric_labels), manager.registry
        ),
    )
    owners = ChildWatch(informer, child_name, lambda ces: [one.namespace for one in ces.status.failed_namespaces or ()])
    return Controller(
        ClusterExternalSecret,
        reconciler.reconcile,
        name="clusterexternalsecret",
        watches=[
            Watch(ExternalSecret, owners.of_child, predicates=[child_changed]),
            Watch(Namespace, NamespaceWatch(informer, selection_of).of_namespace, predicates=[changes_membership]),
            Watch(Namespace, holders_of),
        ],
        predicates=[edited(FINALIZER)],
        workers=settings.concurrent,
    )
