"""Puts the controller of webhook configurations together."""

from __future__ import annotations

from collections.abc import Callable

from eso.controllers.serving import Serving
from eso.controllers.webhookconfig.reconciler import LABEL, LABEL_VALUE, ConfigurationReconciler
from eso.settings import CertControllerSettings
from reconcile.api.admissionregistration_v1 import ValidatingWebhookConfiguration
from reconcile.api.core_v1 import Secret
from reconcile.api.model import KubeObject
from reconcile.api.request import Request
from reconcile.controller import Controller
from reconcile.manager import Manager
from reconcile.watches import Watch

__all__ = ["configuration_controller"]


def configuration_controller(
    manager: Manager, serving: Serving, settings: CertControllerSettings, *, leads: Callable[[], bool]
) -> Controller:
    """The controller, with its ready check in the manager; add it to the manager."""
    selector = f"{LABEL}={LABEL_VALUE}" if settings.enable_partial_cache else ""
    configurations = manager.cache.informer(ValidatingWebhookConfiguration, label_selector=selector)
    reconciler = ConfigurationReconciler(
        manager.client,
        serving,
        interval=settings.crd_requeue_interval,
        leads=leads,
        events=manager.events("validating-webhook-configuration"),
    )
    manager.ready_checks["validation-webhook-inject"] = reconciler.problem

    def of_secret(_: KubeObject | None, __: KubeObject | None) -> list[Request]:
        return [Request(namespace="", name=found.name) for found in configurations.list()]

    secret = Watch(
        Secret,
        of_secret,
        metadata_only=True,
        namespace=serving.secret_namespace,
        field_selector=f"metadata.name={serving.secret_name}",
    )
    return Controller(
        ValidatingWebhookConfiguration,
        reconciler.reconcile,
        watches=[secret],
        label_selector=selector,
        workers=1,
    )
