"""The provider `keepersecurity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict
from eso.providers.keepersecurity.api import KeeperAPI
from eso.providers.keepersecurity.client import KeeperSecurityClient
from eso.providers.keepersecurity.protocol import SERVER_KEYS, Device
from eso.providers.keepersecurity.spec import KeeperSecuritySpec

__all__ = ["KeeperSecurityProvider"]

_SPEC = "spec.provider.keepersecurity"


class KeeperSecurityProvider(Provider[KeeperSecuritySpec]):
    """Records of Keeper Secrets Manager.

    Args:
        server: URL of a server that takes the place of the one in the device configuration.
        server_keys: public keys of servers by their ids.
    """

    name: ClassVar[str] = "keepersecurity"
    spec_type: ClassVar[type[BaseModel]] = KeeperSecuritySpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, server: str = "", server_keys: Mapping[str, str] = SERVER_KEYS) -> None:
        self._server = server
        self._server_keys = server_keys

    async def new_client(self, spec: KeeperSecuritySpec, context: StoreContext) -> SecretsClient:
        """A client for the device whose configuration is in the Secret."""
        device = Device.parse(await context.resolve(spec.auth_ref))
        server = self._server or f"https://{device.host}"
        api = KeeperAPI(
            context.http(f"{server}/api/rest/sm/v1/"),
            context.http(),
            context.calls("KeeperSecurity"),
            device,
            server_keys=self._server_keys,
            schemes=frozenset(("https", urlsplit(server).scheme)),
        )
        return KeeperSecurityClient(api, spec.folder_id, by_title=bool(spec.get_by_title_fallback))

    def validate_store(self, spec: KeeperSecuritySpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The reference and the folder."""
        check_strict(spec.auth_ref, store_kind=store_kind, store_namespace=store_namespace)
        for name, value in (("name", spec.auth_ref.name), ("key", spec.auth_ref.key)):
            if not value:
                raise InvalidSpecError(f"missing: {_SPEC}.authRef.{name}")
        if not spec.folder_id:
            raise InvalidSpecError(f"missing: {_SPEC}.folderID")
        return ()
