"""BeyondtrustWorkloadCredentialsDynamicSecret: cloud credentials that BeyondTrust leases on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pydantic import ValidationError

from eso.api.generators_v1alpha1.beyondtrustworkloadcredentialsdynamicsecret import (
    BeyondtrustWorkloadCredentialsDynamicSecretSpec,
)
from eso.errors import InvalidSpecError, ProviderError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import answer_to, checked_url
from eso.providers.beyondtrustworkloadcredentials.spec import BeyondtrustWorkloadCredentialsSpec
from eso.values import wrap_all

__all__ = ["BeyondtrustWorkloadCredentialsDynamicSecretGenerator"]

_VERSION: Final = "2026-04-28"
"""Source: BeyondTrust Workload Credentials API, header `bt-secrets-api-version`."""

_WHAT: Final = "generating a dynamic secret at BeyondTrust"
_ALWAYS: Final = ("accessKeyId", "secretAccessKey", "leaseId", "expiration")


class BeyondtrustWorkloadCredentialsDynamicSecretGenerator(Generator[BeyondtrustWorkloadCredentialsDynamicSecretSpec]):
    """Asks for a lease. Leases end by themselves, so `cleanup` has nothing to do."""

    kind = "BeyondtrustWorkloadCredentialsDynamicSecret"
    spec_type = BeyondtrustWorkloadCredentialsDynamicSecretSpec
    leaves_state = True

    async def generate(
        self, spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec, context: GeneratorContext
    ) -> Generated:
        """`accessKeyId`, `secretAccessKey`, `leaseId`, `expiration`, and `sessionToken` where there is one.

        Raises:
            InvalidSpecError: the folder path names no secret.
            ProviderError: BeyondTrust refused, or its answer is empty.
        """
        provider = _provider(spec)
        path = provider.folder_path or ""
        folder, _, name = path.rpartition("/")
        if not name:
            raise InvalidSpecError("spec.provider.folderPath must end with the name of a dynamic secret")
        server = checked_url(provider.server.api_url, "spec.provider.server.apiUrl")
        token = await context.resolve(provider.auth.apikey.token)
        ca = await context.resolve_ca(provider.ca_bundle, provider.ca_provider)
        answer = await answer_to(
            context.http(bearer=token, ca=ca),
            "POST",
            f"{server}/{quote(provider.server.site_id, safe='')}/secrets/dynamic/{quote(name, safe='')}/generate",
            _WHAT,
            headers={"bt-secrets-api-version": _VERSION},
            params={"folder": folder} if folder else None,
        )
        if answer.status not in (200, 201):
            raise answer.error(_WHAT)
        return Generated(wrap_all(_values(answer.content)), {"path": path})


def _provider(spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec) -> BeyondtrustWorkloadCredentialsSpec:
    try:
        return BeyondtrustWorkloadCredentialsSpec.model_validate(spec.provider)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, ("spec.provider", *first["loc"])))
        raise InvalidSpecError(f"{place}: {first['msg']}") from None


def _values(content: Any) -> dict[str, str]:
    secret = content.get("secret") if isinstance(content, Mapping) else None
    if not isinstance(secret, Mapping) or not secret:
        raise ProviderError(f"{_WHAT}: the answer holds no secret")
    values = {name: str(secret.get(name) or "") for name in _ALWAYS}
    if secret.get("sessionToken"):
        values["sessionToken"] = str(secret["sessionToken"])
    return values
