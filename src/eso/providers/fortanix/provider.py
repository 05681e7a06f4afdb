"""The provider `fortanix`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent, is_url
from eso.providers.fortanix.api import FortanixAPI
from eso.providers.fortanix.client import FortanixClient
from eso.providers.fortanix.spec import FortanixSpec

__all__ = ["FortanixProvider"]

_URL: Final = "https://sdkms.fortanix.com"


class FortanixProvider(Provider[FortanixSpec]):
    """Secrets and opaque objects of Fortanix Data Security Manager."""

    name: ClassVar[str] = "fortanix"
    spec_type: ClassVar[type[BaseModel]] = FortanixSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    async def new_client(self, spec: FortanixSpec, context: StoreContext) -> SecretsClient:
        """A client that sends the API key with each request."""
        url = _base(spec)
        key = (await context.resolve(_key_ref(spec))).reveal_text()
        if not key.isascii() or not key.isprintable():
            raise InvalidSpecError(
                "apiKey.secretRef points to a value with line breaks or other characters that no API key has;"
                " was it stored with a line break at its end?"
            )
        http = context.http(f"{url}/", headers={"Authorization": f"Basic {key}"})
        return FortanixClient(FortanixAPI(http, context.calls("Fortanix/DSM")))

    def validate_store(self, spec: FortanixSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The reference to the API key, and the address."""
        ref = _key_ref(spec)
        if not ref.name:
            raise InvalidSpecError("apiKey.secretRef.name is required")
        if not ref.key:
            raise InvalidSpecError("apiKey.secretRef.key is required")
        check_referent(ref, store_kind=store_kind, store_namespace=store_namespace)
        _base(spec)
        return ()

    def is_referent(self, spec: FortanixSpec) -> bool:
        """Whether the API key is one of the consumer's namespace."""
        ref = spec.api_key.secret_ref if spec.api_key is not None else None
        return ref is not None and ref.namespace is None


def _key_ref(spec: FortanixSpec) -> SecretKeySelector:
    if spec.api_key is None:
        raise InvalidSpecError("apiKey is required")
    if spec.api_key.secret_ref is None:
        raise InvalidSpecError("apiKey.secretRef is required")
    return spec.api_key.secret_ref


def _base(spec: FortanixSpec) -> str:
    url = spec.api_url or _URL
    if not is_url(url):
        raise InvalidSpecError(f"apiUrl must be a URL like {_URL}")
    return url.rstrip("/")
