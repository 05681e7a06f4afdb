"""The provider `passbolt`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_strict, is_url
from eso.providers.passbolt.api import PassboltAPI
from eso.providers.passbolt.auth import PassboltSession
from eso.providers.passbolt.client import PassboltClient
from eso.providers.passbolt.openpgp import PrivateKey
from eso.providers.passbolt.spec import PassboltSpec

__all__ = ["PassboltProvider"]


class PassboltProvider(Provider[PassboltSpec]):
    """Resources of Passbolt that are shared with a user."""

    name: ClassVar[str] = "passbolt"
    spec_type: ClassVar[type[BaseModel]] = PassboltSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    async def new_client(self, spec: PassboltSpec, context: StoreContext) -> SecretsClient:
        """A client that is signed in."""
        passphrase = await context.resolve(spec.auth.password_secret_ref)
        armored = await context.resolve(spec.auth.private_key_secret_ref)
        http = context.http(ca=await context.resolve_ca(spec.ca_bundle, spec.ca_provider))
        key = await PrivateKey.unlocked(armored, passphrase, "the key of auth.privateKeySecretRef")
        calls = context.calls("Passbolt/Resources")
        session = PassboltSession(http, spec.host, key, calls)
        await session.start()
        return PassboltClient(session, PassboltAPI(session, key, calls))

    def validate_store(self, spec: PassboltSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """References and the host, by https only."""
        for field, selector in (
            ("passwordSecretRef", spec.auth.password_secret_ref),
            ("privateKeySecretRef", spec.auth.private_key_secret_ref),
        ):
            if not selector.name or not selector.key:
                raise InvalidSpecError(f"missing: spec.provider.passbolt.auth.{field}")
            check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
        if not spec.host:
            raise InvalidSpecError("missing: spec.provider.passbolt.host")
        try:
            scheme = urlsplit(spec.host).scheme
        except ValueError as err:
            raise InvalidSpecError("spec.provider.passbolt.host is not a URL") from err
        if scheme != "https":
            raise InvalidSpecError("host Url has to be https scheme")
        if not is_url(spec.host):
            raise InvalidSpecError("spec.provider.passbolt.host has no host, or a port that is none")
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        return ()
