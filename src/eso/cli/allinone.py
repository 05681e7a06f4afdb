"""`eso controller --all-in-one`: the webhook and its certificate in the process of the operator, for small clusters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from eso.controllers.crds.reconciler import certificate_policy
from eso.controllers.serving import Serving
from eso.providers.registry import ProviderRegistry
from eso.settings import ControllerSettings
from eso.webhook.validate import webhooks
from reconcile.api.admissionregistration_v1 import ValidatingWebhookConfiguration
from reconcile.client.client import Client
from reconcile.errors import ConflictError
from reconcile.manager import Manager
from reconcile.metrics import WebhookMetrics
from reconcile.webhook.certificates import CertificateBundle
from reconcile.webhook.certs import CertificateRotator, inject_webhook_ca
from reconcile.webhook.server import ServingCertificate, WebhookServer

__all__ = ["add_webhook"]

_SELECTOR: Final = "external-secrets.io/component=webhook"
_OURS: Final = "external-secrets.io"


def add_webhook(
    manager: Manager,
    settings: ControllerSettings,
    registry: ProviderRegistry,
    namespace: str,
    *,
    clock: Callable[[], datetime],
) -> None:
    """Serve the webhook on every replica, whether it leads or not; the certificate is shared through a Secret.

    Args:
        manager: gets the server and what keeps its certificate.
        settings: the flags.
        registry: where the providers of stores are found.
        namespace: of the Secret, and of the Service.
        clock: the wall clock.
    """
    name = settings.webhook_service_name
    place = Serving(name, namespace, settings.webhook_secret_name, namespace)
    metrics = WebhookMetrics(manager.registry)
    certificate = ServingCertificate(metrics=metrics)
    server = WebhookServer(webhooks(registry), certificate, port=settings.webhook_port, metrics=metrics)
    client = manager.client.live

    async def publish(bundle: CertificateBundle) -> None:
        await _publish(client, place, bundle)

    rotator = CertificateRotator(
        client,
        place.secret_name,
        namespace,
        certificate_policy(place.dns_name),
        publish=[publish],
        serve=[certificate.load],
        now=clock,
    )
    manager.add(rotator, before_caches=True)
    manager.add(server, before_caches=True)
    manager.ready_checks["certs"] = server.problem


async def _publish(client: Client, place: Serving, bundle: CertificateBundle) -> None:
    found = await client.list(ValidatingWebhookConfiguration, label_selector=_SELECTOR)
    for configuration in found.items:
        try:
            await inject_webhook_ca(
                client,
                ValidatingWebhookConfiguration,
                configuration.name,
                bundle.ca,
                selects=lambda webhook: webhook.endswith(_OURS),
                service=place.service,
            )
        except ConflictError:
            # Another replica wrote the same; the next look makes sure.
            continue
