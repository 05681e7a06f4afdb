"""The provider `bitwardensecretsmanager`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.bitwardensecretsmanager.api import BitwardenAPI
from eso.providers.bitwardensecretsmanager.client import BitwardenSecretsManagerClient
from eso.providers.bitwardensecretsmanager.spec import BitwardenSecretsManagerSpec

__all__ = ["BitwardenSecretsManagerProvider"]

_TIMEOUT: Final = 10.0
"""Seconds for a request; source: External Secrets Operator."""

_NO_CA: Final = "Neither CA nor CA bundle is configured; the certificate of bitwardenServerSDKURL must be one that the system trusts."


class BitwardenSecretsManagerProvider(Provider[BitwardenSecretsManagerSpec]):
    """Secrets of Bitwarden Secrets Manager, by way of a bitwarden-sdk-server."""

    name: ClassVar[str] = "bitwardensecretsmanager"
    spec_type: ClassVar[type[BaseModel]] = BitwardenSecretsManagerSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    async def new_client(self, spec: BitwardenSecretsManagerSpec, context: StoreContext) -> SecretsClient:
        """A client with the machine account's token, which goes with every request."""
        if not spec.bitwarden_server_sdk_url:
            raise InvalidSpecError("bitwardenServerSDKURL not configured")
        token = (await context.resolve(spec.auth.secret_ref.credentials)).reveal_text()
        if not token.isascii() or not token.isprintable():
            raise InvalidSpecError(
                "auth.secretRef.credentials points to a value with line breaks or other characters that no token has; "
                "was it stored with a line break at its end?"
            )
        headers = {
            "Warden-Access-Token": token,
            "Warden-Api-Url": (spec.api_url or "").removesuffix("/"),
            "Warden-Identity-Url": (spec.identity_url or "").removesuffix("/"),
        }
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        base = f"{spec.bitwarden_server_sdk_url.rstrip('/')}/"
        http = context.http(base, headers=headers, ca=ca, timeout=_TIMEOUT)
        api = BitwardenAPI(http, context.calls("Bitwarden/SecretsManager"), spec.organization_id)
        return BitwardenSecretsManagerClient(api, spec.project_id)

    def validate_store(
        self, spec: BitwardenSecretsManagerSpec, *, store_kind: str, store_namespace: str
    ) -> Sequence[str]:
        """The server's address; references are not looked at, as in External Secrets Operator."""
        if not spec.bitwarden_server_sdk_url:
            raise InvalidSpecError("bitwardenServerSDKURL not configured")
        return [_NO_CA] if spec.ca_provider is None and not spec.ca_bundle else []
