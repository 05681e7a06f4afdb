"""Puts the clusterpushsecret controller together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.clusterpushsecret.outcome import child_name, selection_of
from eso.controllers.clusterpushsecret.reconciler import ClusterPushSecretReconciler
from eso.controllers.metrics import KindMetrics, SeriesLabels
from eso.controllers.namespaces import NamespaceWatch, changes_membership
from eso.controllers.stamping import OWNER_INDEX, Stamper, by_controller
from eso.controllers.stampwatch import ChildWatch, child_changed, edited
from eso.settings import ControllerSettings
from reconcile.api.core_v1 import Namespace
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.watches import Watch

__all__ = ["cluster_push_secret_controller"]


def cluster_push_secret_controller(
    manager: Manager, settings: ControllerSettings, *, clock: Callable[[], datetime]
) -> Controller:
    """The controller with its watches; add it to the manager."""
    informer = manager.cache.informer(ClusterPushSecret)
    children = manager.cache.informer(PushSecret, indexes={OWNER_INDEX: by_controller})
    reconciler = ClusterPushSecretReconciler(
        manager.client,
        stamper=Stamper(manager.client, PushSecret, children),
        events=manager.events("external-secrets-controller"),
        metrics=KindMetrics(
            "clusterpushsecret", SeriesLabels(extended=settings.enable_extended_metric_labels), manager.registry
        ),
        clock=clock,
    )
    owners = ChildWatch(informer, child_name, lambda cps: [one.namespace for one in cps.status.failed_namespaces or ()])
    return Controller(
        ClusterPushSecret,
        reconciler.reconcile,
        name="clusterpushsecret",
        watches=[
            Watch(PushSecret, owners.of_child, predicates=[child_changed]),
            Watch(Namespace, NamespaceWatch(informer, selection_of).of_namespace, predicates=[changes_membership]),
        ],
        predicates=[edited()],
        workers=settings.concurrent,
    )
