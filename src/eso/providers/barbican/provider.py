"""The provider `barbican`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.barbican.api import BarbicanAPI
from eso.providers.barbican.auth import Credentials, Keystone
from eso.providers.barbican.client import BarbicanClient
from eso.providers.barbican.spec import BarbicanSpec
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict

__all__ = ["BarbicanProvider"]

_MISSING = "barbican provider missing required field"


class BarbicanProvider(Provider[BarbicanSpec]):
    """Secrets of the Key Manager of an OpenStack cloud.

    Args:
        clock: wall clock in seconds of the epoch.
    """

    name: ClassVar[str] = "barbican"
    spec_type: ClassVar[type[BaseModel]] = BarbicanSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    async def new_client(self, spec: BarbicanSpec, context: StoreContext) -> SecretsClient:
        """A client that is signed in."""
        username = spec.auth.username.value or ""
        if not username:
            if spec.auth.username.secret_ref is None:
                raise InvalidSpecError(f"{_MISSING}: username must specify either value or secretRef")
            username = (await context.resolve(spec.auth.username.secret_ref)).reveal_text()
        password = await context.resolve(spec.auth.password.secret_ref)
        credentials = Credentials(username, password, spec.tenant_name or "", spec.domain_name or "")
        http = context.http()
        keystone = Keystone(http, spec.auth_url or "", spec.region or "", credentials)
        api = BarbicanAPI(http, keystone, context.calls("OpenStack/Barbican"), self._clock)
        await api.start()
        return BarbicanClient(api)

    def validate_store(self, spec: BarbicanSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The URL, and references to user and password."""
        if not spec.auth_url:
            raise InvalidSpecError(f"{_MISSING}: authURL is required")
        user = spec.auth.username
        if not user.value and user.secret_ref is None:
            raise InvalidSpecError(f"{_MISSING}: username must specify either value or secretRef")
        for selector in (user.secret_ref, spec.auth.password.secret_ref):
            check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
        return ()
