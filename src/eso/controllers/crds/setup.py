"""Puts the controller of definitions together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eso.controllers.crds.reconciler import DefinitionReconciler
from eso.controllers.serving import Serving
from eso.settings import CertControllerSettings
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.core_v1 import Secret
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.predicates import ObjectEvent
from reconcile.watches import Watch

__all__ = ["COMPONENT", "definition_controller"]

COMPONENT = "external-secrets.io/component=controller"
"""The label of the operator's own definitions."""


def definition_controller(
    manager: Manager,
    serving: Serving,
    settings: CertControllerSettings,
    *,
    leads: Callable[[], bool],
    clock: Callable[[], datetime],
) -> Controller:
    """The controller, with its ready check in the manager; add it to the manager."""
    names = settings.crd_names
    reconciler = DefinitionReconciler(
        manager.client.live, serving, names, interval=settings.crd_requeue_interval, leads=leads, clock=clock
    )
    manager.ready_checks["crd-inject"] = reconciler.problem

    def of_secret(_: KubeObject | None, __: KubeObject | None) -> list[Request]:
        return [Request(namespace="", name=name) for name in names]

    def is_listed(event: ObjectEvent) -> bool:
        found = event.new or event.old
        return found is not None and found.name in names

    secret = Watch(
        Secret,
        of_secret,
        metadata_only=True,
        namespace=serving.secret_namespace,
        field_selector=f"metadata.name={serving.secret_name}",
    )
    return Controller(
        CustomResourceDefinition,
        reconciler.reconcile,
        watches=[secret],
        predicates=[is_listed],
        label_selector=COMPONENT if settings.enable_partial_cache else "",
        workers=1,
    )
