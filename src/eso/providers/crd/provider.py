"""The provider `crd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.crd.api import ObjectsAPI, discover
from eso.providers.crd.client import CRDClient
from eso.providers.crd.spec import CRDSpec
from eso.providers.crd.whitelist import Whitelist
from eso.providers.kubeconnection import REQUEST_SECONDS, check_connection, connect, is_referent

__all__ = ["CRDProvider"]


class CRDProvider(Provider[CRDSpec]):
    """Objects of any kind but Secret.

    Args:
        request_seconds: for a whole request to the API server of a store.
    """

    name: ClassVar[str] = "crd"
    spec_type: ClassVar[type[BaseModel]] = CRDSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, request_seconds: float = REQUEST_SECONDS) -> None:
        self._request_seconds = request_seconds

    async def new_client(self, spec: CRDSpec, context: StoreContext) -> SecretsClient:
        """A client that knows the kind and may get its objects."""
        cluster_store = context.store_kind == "ClusterSecretStore"
        whitelist = Whitelist(spec.whitelist, cluster_store=cluster_store)
        calls = context.calls("Kubernetes/CustomResources")
        client = await connect(
            context, server=spec.server, auth=spec.auth, auth_ref=spec.auth_ref, request_seconds=self._request_seconds
        )
        try:
            api = ObjectsAPI(client, calls, await discover(client, calls, spec.resource))
            namespaced = api.resource.namespaced and not cluster_store
            await api.require("get", context.store_namespace if namespaced else "")
        except BaseException:
            await client.close()
            raise
        return CRDClient(api, whitelist, None if cluster_store else context.store_namespace)

    def validate_store(self, spec: CRDSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The static rules of server, auth, resource and whitelist."""
        if spec.server is not None and spec.server.url and spec.auth is None and spec.auth_ref is None:
            raise InvalidSpecError("server.url needs auth or authRef")
        warnings = check_connection(
            server=spec.server,
            auth=spec.auth,
            auth_ref=spec.auth_ref,
            store_kind=store_kind,
            store_namespace=store_namespace,
        )
        resource = spec.resource
        if not resource.version or not resource.kind:
            raise InvalidSpecError("resource.version and resource.kind are required")
        if resource.group in ("", "core") and resource.version == "v1" and resource.kind.lower() == "secret":
            raise InvalidSpecError("resource: Secrets are read with the kubernetes provider")
        Whitelist(spec.whitelist, cluster_store=store_kind == "ClusterSecretStore")
        return warnings

    def is_referent(self, spec: CRDSpec) -> bool:
        """Whether a selector of `auth` leaves its namespace to the consumer."""
        return is_referent(spec.auth) or (spec.auth_ref is not None and spec.auth_ref.namespace is None)
