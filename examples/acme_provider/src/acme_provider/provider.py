"""The provider `acme`."""

from collections.abc import Sequence

from acme_provider.client import AcmeClient
from acme_provider.spec import AcmeSpec
from eso.errors import InvalidSpecError
from eso.providers.base import Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent


class AcmeProvider(Provider[AcmeSpec]):
    name, spec_type = "acme", AcmeSpec

    async def new_client(self, spec: AcmeSpec, context: StoreContext) -> SecretsClient:
        http = context.http(f"{spec.url.rstrip('/')}/", bearer=await context.resolve(spec.token))
        return AcmeClient(http, context.calls("Acme"))

    def validate_store(self, spec: AcmeSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        if not spec.url.startswith(("https://", "http://")):
            raise InvalidSpecError("spec.provider.acme.url must start with https:// or http://")
        check_referent(spec.token, store_kind=store_kind, store_namespace=store_namespace)
        return (
            () if spec.url.startswith("https://") else ("spec.provider.acme.url is not https: the token is readable",)
        )

    def is_referent(self, spec: AcmeSpec) -> bool:
        return spec.token.namespace is None
