"""The provider `ngrok`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidRequestError, InvalidSpecError, UnavailableError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict, is_url
from eso.providers.ngrok.api import VERSION, NgrokAPI
from eso.providers.ngrok.client import NgrokClient
from eso.providers.ngrok.spec import NgrokSpec

__all__ = ["NgrokProvider"]

_SPEC: Final = "spec.provider.ngrok"
_URL: Final = "https://api.ngrok.com"
_LIST_SECONDS: Final = 60.0


class NgrokProvider(Provider[NgrokSpec]):
    """Secrets of ngrok's vaults; write-only.

    Args:
        patience: seconds that looking for the vault may take.
    """

    name: ClassVar[str] = "ngrok"
    spec_type: ClassVar[type[BaseModel]] = NgrokSpec
    capabilities: ClassVar[Capabilities] = Capabilities.WRITE_ONLY

    def __init__(self, patience: float = _LIST_SECONDS) -> None:
        self._patience = patience

    async def new_client(self, spec: NgrokSpec, context: StoreContext) -> SecretsClient:
        """A client; the vault is looked up now."""
        selector = _api_key(spec)
        check_strict(selector, store_kind=context.store_kind, store_namespace=context.store_namespace)
        http = context.http(
            f"{_base(spec)}/",
            headers={"ngrok-version": VERSION, "User-Agent": "external-secrets"},
            bearer=await context.resolve(selector),
        )
        api = NgrokAPI(http, context.calls("Ngrok/Vaults"))
        try:
            async with asyncio.timeout(self._patience):
                found = await api.vault_id(spec.vault.name)
        except TimeoutError as err:
            raise UnavailableError("listing the vaults of ngrok: the provider did not answer in time") from err
        if found is None:
            raise InvalidRequestError(f'vault "{spec.vault.name}" not found at ngrok, make it first')
        return NgrokClient(api, spec.vault.name, found)

    def validate_store(self, spec: NgrokSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Address, API key and vault."""
        _base(spec)
        selector = _api_key(spec)
        if not spec.vault.name:
            raise InvalidSpecError(f"ngrok provider vault name is required: {_SPEC}.vault.name")
        for name, value in (("name", selector.name), ("key", selector.key)):
            if not value:
                raise InvalidSpecError(f"missing: {_SPEC}.auth.apiKey.secretRef.{name}")
        check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
        return ()


def _api_key(spec: NgrokSpec) -> SecretKeySelector:
    if spec.auth.api_key is None or spec.auth.api_key.secret_ref is None:
        raise InvalidSpecError(f"ngrok provider auth APIKey is required: {_SPEC}.auth.apiKey.secretRef")
    return spec.auth.api_key.secret_ref


def _base(spec: NgrokSpec) -> str:
    url = spec.api_url or _URL
    if not is_url(url):
        raise InvalidSpecError(f"invalid API URL: {_SPEC}.apiUrl must be like {_URL}")
    return url.rstrip("/")
