"""The provider `dvls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict
from eso.providers.dvls.api import DVLSAPI
from eso.providers.dvls.auth import Session
from eso.providers.dvls.client import DVLSClient, is_uuid
from eso.providers.dvls.spec import DVLSSpec

__all__ = ["DVLSProvider"]


class DVLSProvider(Provider[DVLSSpec]):
    """Credential entries of Devolutions Server."""

    name: ClassVar[str] = "dvls"
    spec_type: ClassVar[type[BaseModel]] = DVLSSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    async def new_client(self, spec: DVLSSpec, context: StoreContext) -> SecretsClient:
        """A client that has signed in and knows its vault."""
        app_id = await context.resolve(spec.auth.secret_ref.app_id)
        app_secret = await context.resolve(spec.auth.secret_ref.app_secret)
        base = spec.server_url.rstrip("/")
        http = context.http(f"{base}/")
        calls = context.calls("Devolutions/Server")
        session = Session(http, app_id, app_secret, calls)
        await session.token()
        api = DVLSAPI(http, base, session, calls)
        vault = spec.vault or ""
        return DVLSClient(api, vault if not vault or is_uuid(vault) else await api.vault(vault))

    def validate_store(self, spec: DVLSSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The server's address, the vault, and references to the credentials."""
        _check_url(spec.server_url, insecure=spec.insecure or False)
        if spec.vault is not None and spec.vault != spec.vault.strip():
            raise InvalidSpecError("vault must not begin or end with blanks")
        for field, selector in (("appId", spec.auth.secret_ref.app_id), ("appSecret", spec.auth.secret_ref.app_secret)):
            _check_selector(field, selector, store_kind=store_kind, store_namespace=store_namespace)
        return ()


def _check_url(url: str, *, insecure: bool) -> None:
    if not url:
        raise InvalidSpecError("serverUrl is required")
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        raise InvalidSpecError("serverUrl must be a valid URL") from None
    if not parts.scheme or not host:
        raise InvalidSpecError("serverUrl must be a valid URL with scheme and host")
    if parts.scheme not in ("http", "https"):
        raise InvalidSpecError(f'serverUrl scheme must be http or https, got "{parts.scheme}"')
    if parts.scheme == "http" and not insecure:
        raise InvalidSpecError("http URLs require 'insecure: true' to be set explicitly")


def _check_selector(field: str, selector: SecretKeySelector, *, store_kind: str, store_namespace: str) -> None:
    if not selector.name:
        raise InvalidSpecError(f"{field} secret name is required")
    if not selector.key:
        raise InvalidSpecError(f"{field} secret key is required")
    try:
        check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
    except InvalidSpecError as err:
        raise InvalidSpecError(f"invalid {field}: {err}") from err
