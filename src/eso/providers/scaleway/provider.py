"""The provider `scaleway`."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent, is_url
from eso.providers.scaleway.api import ScalewayAPI
from eso.providers.scaleway.client import ScalewayClient
from eso.providers.scaleway.spec import ScalewayProviderSecretRef, ScalewaySpec
from eso.values import SecretValue

__all__ = ["ScalewayProvider"]

_URL: Final = "https://api.scaleway.com"
_REGION: Final = re.compile(r"[a-z]{2}-[a-z]{3}")


class ScalewayProvider(Provider[ScalewaySpec]):
    """Scaleway Secret Manager."""

    name: ClassVar[str] = "scaleway"
    spec_type: ClassVar[type[BaseModel]] = ScalewaySpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    async def new_client(self, spec: ScalewaySpec, context: StoreContext) -> SecretsClient:
        """A client with the secret key; the access key never travels."""
        cluster = context.store_kind == "ClusterSecretStore"
        await _value(spec.access_key, "accessKey", context, cluster)
        key = await _value(spec.secret_key, "secretKey", context, cluster)
        base = f"{(spec.api_url or _URL).rstrip('/')}/secret-manager/v1beta1/regions/{spec.region}/"
        http = context.http(base, headers={"X-Auth-Token": key.reveal_text()})
        return ScalewayClient(
            ScalewayAPI(http, context.calls("Scaleway/SecretManager"), spec.project_id), spec.project_id
        )

    def validate_store(self, spec: ScalewaySpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, region, project and keys."""
        if not is_url(spec.api_url or _URL):
            raise InvalidSpecError("apiUrl is not a URL with http or https and a host")
        if not _REGION.fullmatch(spec.region):
            raise InvalidSpecError(f"region {spec.region!r} is none: use for example fr-par")
        try:
            uuid.UUID(spec.project_id)
        except ValueError:
            raise InvalidSpecError("projectId is not a UUID") from None
        for name, ref in (("accessKey", spec.access_key), ("secretKey", spec.secret_key)):
            if bool(ref.value) == (ref.secret_ref is not None):
                raise InvalidSpecError(f"{name}: set exactly one of value and secretRef")
            check_referent(ref.secret_ref, store_kind=store_kind, store_namespace=store_namespace)
        return ()


async def _value(ref: ScalewayProviderSecretRef, name: str, context: StoreContext, cluster: bool) -> SecretValue:
    if ref.secret_ref is None:
        if not ref.value:
            raise InvalidSpecError(f"{name}: set value or secretRef")
        return SecretValue(ref.value)
    if cluster and not ref.secret_ref.namespace:
        raise InvalidSpecError(f"{name}.secretRef.namespace is required in a ClusterSecretStore")
    return await context.resolve(ref.secret_ref)
