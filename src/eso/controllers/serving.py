"""Where the webhook is served: its Service and its Secret, and whether somebody answers there."""

from __future__ import annotations

from dataclasses import dataclass

from reconcile.api.discovery_v1 import EndpointSlice
from reconcile.client.client import Client
from reconcile.errors import APIError, TransportError

__all__ = ["Serving", "endpoint_problem"]


@dataclass(frozen=True, slots=True)
class Serving:
    """The names of Service and Secret."""

    service_name: str
    service_namespace: str
    secret_name: str
    secret_namespace: str

    @property
    def service(self) -> tuple[str, str]:
        """Name and namespace of the Service."""
        return self.service_name, self.service_namespace

    @property
    def dns_name(self) -> str:
        """What the API server calls the webhook."""
        return f"{self.service_name}.{self.service_namespace}.svc"


async def endpoint_problem(client: Client, serving: Serving) -> str | None:
    """Why nobody answers behind the Service; None when somebody does."""
    selector = f"kubernetes.io/service-name={serving.service_name}"
    try:
        slices = await client.list(EndpointSlice, serving.service_namespace, label_selector=selector)
    except (APIError, TransportError) as err:
        return f"endpointSlice objects cannot be read: {type(err).__name__}"
    if not slices.items:
        return "endpointSlice objects not ready"
    for each in slices.items:
        # An endpoint that does not say counts as ready. Source: EndpointConditions of discovery/v1.
        if any(endpoint.addresses and endpoint.conditions.ready is not False for endpoint in each.endpoints):
            return None
    return "addresses not ready"
