"""One ValidatingWebhookConfiguration: the Service to call and the CA to trust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from eso.controllers.serving import Serving, endpoint_problem
from eso.errors import InvalidSpecError
from reconcile.api.admissionregistration_v1 import ValidatingWebhookConfiguration
from reconcile.api.core_v1 import Secret
from reconcile.api.request import Request
from reconcile.client.cached import CachedClient
from reconcile.controller import Result
from reconcile.errors import APIError, NotFoundError, TransportError
from reconcile.events import WARNING, EventRecorder
from reconcile.webhook.certs import inject_webhook_ca

__all__ = ["LABEL", "LABEL_VALUE", "ConfigurationReconciler"]

LABEL: Final = "external-secrets.io/component"
LABEL_VALUE: Final = "webhook"
_OURS: Final = "external-secrets.io"


class ConfigurationReconciler:
    """Reconciles labelled configurations.

    Args:
        client: reads configurations from the cache, the Secret never.
        serving: where the webhook is.
        interval: seconds until a configuration is looked at again.
        leads: whether this process works, and is not a standby.
        events: what cannot be done is said there.
    """

    def __init__(
        self,
        client: CachedClient,
        serving: Serving,
        *,
        interval: float,
        leads: Callable[[], bool],
        events: EventRecorder,
    ) -> None:
        self._client = client
        self._serving = serving
        self._interval = interval
        self._leads = leads
        self._events = events
        self._ready = False

    async def reconcile(self, request: Request) -> Result:
        """Make every webhook of ours in the configuration call the Service and trust the CA; others are left alone.

        Raises:
            InvalidSpecError: there is no CA yet.
            APIError, TransportError: a request failed.
        """
        found = await self._client.find(ValidatingWebhookConfiguration, request)
        if found is None or found.metadata.labels.get(LABEL) != LABEL_VALUE:
            return Result()
        try:
            await self._update(request.name)
        except (APIError, TransportError, InvalidSpecError) as err:
            self._events.event(found, WARNING, "UpdateFailed", str(err))
            raise
        self._ready = True
        return Result(requeue_after=self._interval)

    async def problem(self) -> str | None:
        """A ready check: None on a standby, and when a configuration was made right and the webhook answers."""
        if not self._leads():
            return None
        if not self._ready:
            return "webhook not ready"
        return await endpoint_problem(self._client.live, self._serving)

    async def _update(self, name: str) -> None:
        serving = self._serving
        secret = await self._client.live.find(Secret, serving.secret_name, serving.secret_namespace)
        if secret is None:
            raise NotFoundError(f"Secret {serving.secret_namespace}/{serving.secret_name} does not exist", status=404)
        ca = secret.data.get("ca.crt", b"")
        if not ca:
            raise InvalidSpecError("ca cert not yet ready")
        await inject_webhook_ca(
            self._client.live,
            ValidatingWebhookConfiguration,
            name,
            ca,
            selects=lambda webhook: webhook.endswith(_OURS),
            service=serving.service,
        )
