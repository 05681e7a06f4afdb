"""The provider `kubernetes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.kubeconnection import REQUEST_SECONDS, check_connection, connect, is_referent
from eso.providers.kubernetes.api import SecretsAPI
from eso.providers.kubernetes.client import KubernetesClient
from eso.providers.kubernetes.spec import KubernetesSpec

__all__ = ["KubernetesProvider"]


class KubernetesProvider(Provider[KubernetesSpec]):
    """Secrets of another namespace or another cluster.

    Args:
        request_seconds: for a whole request to the API server of a store.
    """

    name: ClassVar[str] = "kubernetes"
    spec_type: ClassVar[type[BaseModel]] = KubernetesSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, request_seconds: float = REQUEST_SECONDS) -> None:
        self._request_seconds = request_seconds

    async def new_client(self, spec: KubernetesSpec, context: StoreContext) -> SecretsClient:
        """A client with a connection of its own."""
        client = await connect(
            context, server=spec.server, auth=spec.auth, auth_ref=spec.auth_ref, request_seconds=self._request_seconds
        )
        api = SecretsAPI(client, context.calls("Kubernetes"))
        return KubernetesClient(api, spec.remote_namespace, store_kind=context.store_kind)

    def validate_store(self, spec: KubernetesSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The static rules of server and auth."""
        return check_connection(
            server=spec.server,
            auth=spec.auth,
            auth_ref=spec.auth_ref,
            store_kind=store_kind,
            store_namespace=store_namespace,
        )

    def is_referent(self, spec: KubernetesSpec) -> bool:
        """Whether a selector of `auth` leaves its namespace to the consumer."""
        return is_referent(spec.auth) or (spec.auth_ref is not None and spec.auth_ref.namespace is None)
