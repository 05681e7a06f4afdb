"""The provider `vault`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from pydantic import BaseModel

from eso.identity.vault import connect
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent
from eso.providers.vault.api import VaultAPI
from eso.providers.vault.client import VaultClient
from eso.providers.vault.paths import Mount
from eso.providers.vault.spec import VaultSpec
from eso.providers.vault.validation import check, is_referent

__all__ = ["VaultProvider"]


class VaultProvider(Provider[VaultSpec]):
    """Key/value secrets of HashiCorp Vault.

    Args:
        environ: where VAULT_TOKEN, VAULT_ADDR and the operator's own AWS identity are looked up; None for the process
            environment.
    """

    name: ClassVar[str] = "vault"
    spec_type: ClassVar[type[BaseModel]] = VaultSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    async def new_client(self, spec: VaultSpec, context: StoreContext) -> SecretsClient:
        """A client that is signed in."""
        calls = context.calls("HashiCorp/Vault")
        connection = await connect(
            spec, context, calls=calls, retry_settings=context.retry_settings, environ=self._environ
        )
        await connection.session.token()
        mount = Mount((spec.path or "").strip("/"), spec.version == "v2")
        required = spec.check_and_set is not None and bool(spec.check_and_set.required)
        return VaultClient(VaultAPI(connection, calls, mount), check_and_set=required)

    def validate_store(self, spec: VaultSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Selectors, pairs that belong together, and options of version 2."""
        check(spec, partial(check_referent, store_kind=store_kind, store_namespace=store_namespace))
        return ()

    def is_referent(self, spec: VaultSpec) -> bool:
        """Whether credentials come from the consumer's namespace."""
        return is_referent(spec)
