"""The provider `beyondtrustworkloadcredentials`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.beyondtrustworkloadcredentials.api import CALLS, connect
from eso.providers.beyondtrustworkloadcredentials.client import BeyondtrustWorkloadCredentialsClient
from eso.providers.beyondtrustworkloadcredentials.spec import (
    BeyondtrustWorkloadCredentialsServer,
    BeyondtrustWorkloadCredentialsSpec,
)
from eso.providers.common import check_ca_provider, check_strict, is_url

__all__ = ["BeyondtrustWorkloadCredentialsProvider"]

_SITE: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
"""A UUID of version 4."""


class BeyondtrustWorkloadCredentialsProvider(Provider[BeyondtrustWorkloadCredentialsSpec]):
    """Static secrets of BeyondTrust Workload Credentials; the generator of the same name makes dynamic ones."""

    name: ClassVar[str] = "beyondtrustworkloadcredentials"
    spec_type: ClassVar[type[BaseModel]] = BeyondtrustWorkloadCredentialsSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    async def new_client(self, spec: BeyondtrustWorkloadCredentialsSpec, context: StoreContext) -> SecretsClient:
        """A client with the token."""
        _check_server(spec.server)
        api = await connect(spec, spec.server.api_url, context, context.calls(CALLS))
        return BeyondtrustWorkloadCredentialsClient(api, spec.folder_path or "", spec.server.api_url)

    def validate_store(
        self, spec: BeyondtrustWorkloadCredentialsSpec, *, store_kind: str, store_namespace: str
    ) -> Sequence[str]:
        """Token reference, URL and site."""
        token = spec.auth.apikey.token
        check_strict(token, store_kind=store_kind, store_namespace=store_namespace)
        if not token.name:
            raise InvalidSpecError("missing or invalid API token name: auth.apikey.token.name")
        _check_server(spec.server)
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        return ()


def _check_server(server: BeyondtrustWorkloadCredentialsServer) -> None:
    if not is_url(server.api_url, schemes=("https",)):
        raise InvalidSpecError("invalid apiUrl: server.apiUrl must be an https URL with a host")
    if not _SITE.fullmatch(server.site_id):
        raise InvalidSpecError("invalid siteId: server.siteId must be a UUID of version 4")
