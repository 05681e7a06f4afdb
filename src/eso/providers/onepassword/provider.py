"""The provider `onepassword`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict, is_url
from eso.providers.onepassword.api import ConnectAPI
from eso.providers.onepassword.client import OnePasswordClient
from eso.providers.onepassword.spec import OnePasswordSpec

__all__ = ["OnePasswordProvider"]

_PAUSE: Final = 0.5
_TOKEN: Final = "spec.provider.onepassword.auth.secretRef.connectTokenSecretRef"


class OnePasswordProvider(Provider[OnePasswordSpec]):
    """Items of 1Password, through a Connect server.

    Args:
        pause: seconds between looks for an item that was written.
    """

    name: ClassVar[str] = "onepassword"
    spec_type: ClassVar[type[BaseModel]] = OnePasswordSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, pause: float = _PAUSE) -> None:
        self._pause = pause

    async def new_client(self, spec: OnePasswordSpec, context: StoreContext) -> SecretsClient:
        """A client with the Connect token."""
        _check_host(spec.connect_host)
        token = await context.resolve(spec.auth.secret_ref.connect_token_secret_ref)
        http = context.http(
            f"{spec.connect_host.rstrip('/')}/", headers={"User-Agent": "external-secrets"}, bearer=token
        )
        vaults = sorted(spec.vaults, key=lambda name: spec.vaults[name])
        return OnePasswordClient(ConnectAPI(http, context.calls("1Password/Connect")), vaults, pause=self._pause)

    def validate_store(self, spec: OnePasswordSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Token reference, vaults and the server's address."""
        token = spec.auth.secret_ref.connect_token_secret_ref
        if not token.name:
            raise InvalidSpecError(f"missing: {_TOKEN}.name")
        if not token.key:
            raise InvalidSpecError(f"missing: {_TOKEN}.key")
        check_strict(token, store_kind=store_kind, store_namespace=store_namespace)
        if not spec.vaults:
            raise InvalidSpecError("must be at least one vault: spec.provider.onepassword.vaults")
        if len(set(spec.vaults.values())) != len(spec.vaults):
            raise InvalidSpecError("vault order numbers must be unique: spec.provider.onepassword.vaults")
        _check_host(spec.connect_host)
        return ()


def _check_host(url: str) -> None:
    if not is_url(url):
        raise InvalidSpecError(
            "unable to parse URL: spec.provider.onepassword.connectHost must be like https://connect.example.com"
        )
