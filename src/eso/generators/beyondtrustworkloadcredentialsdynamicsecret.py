"""BeyondtrustWorkloadCredentialsDynamicSecret: cloud credentials that BeyondTrust leases on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from eso.api.generators_v1alpha1.beyondtrustworkloadcredentialsdynamicsecret import (
    BeyondtrustWorkloadCredentialsDynamicSecretSpec,
)
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import checked_url
from eso.providers.beyondtrustworkloadcredentials.api import CALLS, connect
from eso.providers.beyondtrustworkloadcredentials.spec import BeyondtrustWorkloadCredentialsSpec
from eso.transform.gojson import byte_value
from eso.values import wrap_all

__all__ = ["BeyondtrustWorkloadCredentialsDynamicSecretGenerator"]

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
        api = await connect(provider, server, context, context.calls(CALLS))
        return Generated(wrap_all(_values(await api.generated(name, folder))), {"path": path})

    def left_behind(self, state: Any) -> bool:
        """Nothing that does not end by itself."""
        return False


def _provider(spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec) -> BeyondtrustWorkloadCredentialsSpec:
    try:
        return BeyondtrustWorkloadCredentialsSpec.model_validate(spec.provider)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, ("spec.provider", *first["loc"])))
        raise InvalidSpecError(f"{place}: {first['msg']}") from None


def _values(secret: Mapping[str, Any]) -> dict[str, bytes]:
    values = {name: byte_value(secret.get(name)) for name in _ALWAYS}
    if secret.get("sessionToken"):
        values["sessionToken"] = byte_value(secret["sessionToken"])
    return values
