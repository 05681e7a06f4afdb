"""The provider `passworddepot`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict
from eso.providers.passworddepot.api import Credentials, PasswordDepotAPI
from eso.providers.passworddepot.client import PasswordDepotClient
from eso.providers.passworddepot.spec import PasswordDepotSpec
from eso.values import SecretValue

__all__ = ["PasswordDepotProvider"]

_URL: Final = "https://{host}:8714"
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?")
_KEYS: Final = ("username", "password")


class PasswordDepotProvider(Provider[PasswordDepotSpec]):
    """Entries of databases on a Password Depot Enterprise Server.

    Args:
        url: of servers, where `{host}` stands for the store's `host`.
    """

    name: ClassVar[str] = "passworddepot"
    spec_type: ClassVar[type[BaseModel]] = PasswordDepotSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, url: str = _URL) -> None:
        self._url = url

    async def new_client(self, spec: PasswordDepotSpec, context: StoreContext) -> SecretsClient:
        """A client that is signed in."""
        url = self._url.replace("{host}", _checked_host(spec.host))
        selector = _selector(spec)
        check_strict(selector, store_kind=context.store_kind, store_namespace=context.store_namespace)
        data = (await context.whole_secret(selector)).data
        username, password = (data.get(key, SecretValue(b"")) for key in _KEYS)
        api = PasswordDepotAPI(
            context.http(),
            url,
            Credentials(username, password),
            context.calls("PasswordDepot/EnterpriseServer"),
        )
        await api.sign_in()
        return PasswordDepotClient(api, spec.database)

    def validate_store(self, spec: PasswordDepotSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Host, database and the reference to the credentials."""
        _checked_host(spec.host)
        if not spec.database:
            raise InvalidSpecError("database cannot be empty")
        check_strict(_selector(spec), store_kind=store_kind, store_namespace=store_namespace)
        return ()


def _selector(spec: PasswordDepotSpec) -> SecretKeySelector:
    selector = spec.auth.secret_ref.credentials
    if selector is None or not selector.name:
        raise InvalidSpecError("credentials are empty: set auth.secretRef.credentials.name")
    return selector


def _checked_host(host: str) -> str:
    """The host as it stands in a URL."""
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        if _NAME.fullmatch(host):
            return host
        raise InvalidSpecError("host must be a host name or an IP address, without scheme, port and path") from None
    return f"[{address}]" if address.version == 6 else str(address)
