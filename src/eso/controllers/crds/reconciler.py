"""One CustomResourceDefinition: a certificate for the webhook, and the CA where it converts objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from eso.controllers.serving import Serving, endpoint_problem
from eso.errors import InvalidSpecError
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.request import Request
from reconcile.client.client import Client
from reconcile.controller import Result
from reconcile.webhook.certificates import Policy
from reconcile.webhook.certs import ensure_certificates, inject_conversion_ca

__all__ = ["DefinitionReconciler", "certificate_policy"]

_AUTHORITY: Final = "external-secrets"
_OVERLAP: Final = timedelta(hours=24)
_LOOKAHEAD: Final = timedelta(days=90)
"""Source: ESO; the webhook asks for as much by default."""


def certificate_policy(dns_name: str) -> Policy:
    """How the certificates of the webhook are made: RSA, ten years, renewed before the webhook begins to ask for it."""
    # While a new authority gets known the old certificate is still served, and must not fall short of the lookahead.
    return Policy(_AUTHORITY, [dns_name], renew_before=_LOOKAHEAD + 2 * _OVERLAP, overlap=_OVERLAP)


class DefinitionReconciler:
    """Reconciles the definitions that it was given the names of.

    Args:
        client: one that does not read from a cache.
        serving: where the webhook is.
        names: of the definitions.
        interval: seconds until a definition is looked at again.
        leads: whether this process works, and is not a standby.
        clock: the wall clock.
    """

    def __init__(
        self,
        client: Client,
        serving: Serving,
        names: Sequence[str],
        *,
        interval: float,
        leads: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._serving = serving
        self._policy = certificate_policy(serving.dns_name)
        self._interval = interval
        self._leads = leads
        self._clock = clock
        self._ready = dict.fromkeys(names, False)

    async def reconcile(self, request: Request) -> Result:
        """Keep the certificate, and the definition's conversion webhook if it has one.

        Raises:
            NotFoundError: there is no Secret, which must exist, or no such definition.
            InvalidSpecError: the definition is converted by a webhook that is no Service.
            APIError, TransportError: a request failed.
        """
        if request.name not in self._ready:
            return Result()
        self._ready[request.name] = False
        serving = self._serving
        bundle = await ensure_certificates(
            self._client, serving.secret_name, serving.secret_namespace, self._policy, self._clock(), create=False
        )
        body = await self._client.get_wire(CustomResourceDefinition, request.name)
        if _converts(body):
            await inject_conversion_ca(self._client, request.name, bundle.ca, service=serving.service)
        self._ready[request.name] = True
        return Result(requeue_after=self._interval)

    async def problem(self) -> str | None:
        """A ready check: None on a standby, and when all definitions are as they should be and the webhook answers."""
        if not self._leads():
            return None
        for name, ready in self._ready.items():
            if not ready:
                return f"resource not ready: {name}"
        return await endpoint_problem(self._client, self._serving)


def _converts(body: dict[str, Any]) -> bool:
    conversion = (body.get("spec") or {}).get("conversion") or {}
    if conversion.get("strategy", "None") == "None":
        return False
    if not ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service"):
        raise InvalidSpecError("unexpected crd conversion webhook config: spec.conversion.webhook names no service")
    return True
