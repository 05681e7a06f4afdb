"""The provider `delinea`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent
from eso.providers.delinea.address import Tenant
from eso.providers.delinea.api import DelineaAPI
from eso.providers.delinea.client import DelineaClient
from eso.providers.delinea.spec import DelineaProviderSecretRef, DelineaSpec
from eso.values import SecretValue

__all__ = ["DelineaProvider"]


class DelineaProvider(Provider[DelineaSpec]):
    """Secrets of Delinea DevOps Secrets Vault.

    Args:
        clock: seconds; measures the age of tokens.
    """

    name: ClassVar[str] = "delinea"
    spec_type: ClassVar[type[BaseModel]] = DelineaSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def new_client(self, spec: DelineaSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first read."""
        tenant = Tenant(spec.tenant, spec.tld or "", spec.url_template or "")
        client_id = await _resolved("clientId", spec.client_id, context)
        client_secret = await _resolved("clientSecret", spec.client_secret, context)
        calls = context.calls("Delinea/DevOpsSecretsVault")
        return DelineaClient(DelineaAPI(context.http(), tenant, client_id, client_secret, calls, self._clock))

    def validate_store(self, spec: DelineaSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Tenant, client id and secret, each a value or a reference."""
        if not spec.tenant:
            raise InvalidSpecError("tenant must not be empty")
        for ref in (spec.client_id, spec.client_secret):
            if ref.secret_ref is not None and ref.value:
                raise InvalidSpecError("cannot specify both secret reference and value")
            if ref.secret_ref is None:
                if not ref.value:
                    raise InvalidSpecError("must specify either secret reference or direct value")
                continue
            check_referent(ref.secret_ref, store_kind=store_kind, store_namespace=store_namespace)
            if not ref.secret_ref.name:
                raise InvalidSpecError("must specify a secret name")
            if not ref.secret_ref.key:
                raise InvalidSpecError("must specify a secret key")
        return ()


async def _resolved(field: str, ref: DelineaProviderSecretRef, context: StoreContext) -> SecretValue:
    if ref.secret_ref is None:
        found = SecretValue(ref.value or "")
    elif context.store_kind == "ClusterSecretStore" and ref.secret_ref.namespace is None:
        raise InvalidSpecError("when using a ClusterSecretStore, namespaces must be explicitly set")
    else:
        found = await context.resolve(ref.secret_ref)
    if not found:
        raise InvalidSpecError(f"{field} is empty, in the store or in the Secret that it names")
    return found
