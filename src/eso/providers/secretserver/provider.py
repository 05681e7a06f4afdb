"""The provider `secretserver`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_referent, is_url
from eso.providers.secretserver.api import SecretServerAPI
from eso.providers.secretserver.auth import Credentials, Given, SignedIn, Tokens
from eso.providers.secretserver.client import SecretServerClient
from eso.providers.secretserver.spec import SecretServerProviderRef, SecretServerSpec
from eso.values import SecretValue

__all__ = ["SecretServerProvider"]


class SecretServerProvider(Provider[SecretServerSpec]):
    """Secrets of Delinea Secret Server, also behind the Delinea Platform.

    Args:
        clock: seconds; measures the age of tokens.
    """

    name: ClassVar[str] = "secretserver"
    spec_type: ClassVar[type[BaseModel]] = SecretServerSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def new_client(self, spec: SecretServerSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first request, unless the store has a token."""
        server = _server(spec)
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        calls = context.calls("Delinea/SecretServer")
        tokens: Tokens
        if spec.token is not None:
            token = await _resolved(spec.token, context)
            http = context.http(ca=ca)
            tokens = Given(server, token)
        else:
            if spec.username is None:
                raise InvalidSpecError("username must not be empty")
            if spec.password is None:
                raise InvalidSpecError("password must be set")
            username, password = await _resolved(spec.username, context), await _resolved(spec.password, context)
            http = context.http(ca=ca)
            tokens = SignedIn(http, server, Credentials(username, password, spec.domain or ""), calls, self._clock)
        return SecretServerClient(SecretServerAPI(http, tokens, calls))

    def validate_store(self, spec: SecretServerSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, and a token or else a user with password, each a value or a reference."""
        _server(spec)
        if spec.token is None:
            if spec.username is None:
                raise InvalidSpecError("username must not be empty")
            if spec.password is None:
                raise InvalidSpecError("password must be set")
        # With a token nobody looks at user and password.
        for ref in (spec.username, spec.password) if spec.token is None else (spec.token,):
            if ref is not None:
                check_referent(ref.secret_ref, store_kind=store_kind, store_namespace=store_namespace)
                _check(ref)
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        return ()


def _server(spec: SecretServerSpec) -> str:
    """The URL of the server, without slash at its end."""
    if not spec.server_url:
        raise InvalidSpecError("serverURL must be set")
    if not is_url(spec.server_url):
        raise InvalidSpecError("serverURL must be a URL with http or https and a host")
    return spec.server_url.rstrip("/")


def _check(ref: SecretServerProviderRef) -> None:
    if ref.secret_ref is None:
        if not ref.value:
            raise InvalidSpecError("must specify either secret reference or direct value")
        return
    if ref.value:
        raise InvalidSpecError("cannot specify both secret reference and value")
    if not ref.secret_ref.name:
        raise InvalidSpecError("must specify a secret name")
    if not ref.secret_ref.key:
        raise InvalidSpecError("must specify a secret key")


async def _resolved(ref: SecretServerProviderRef, context: StoreContext) -> SecretValue:
    if ref.secret_ref is None:
        return SecretValue(ref.value or "")
    if context.store_kind == "ClusterSecretStore" and ref.secret_ref.namespace is None:
        raise InvalidSpecError("when using a ClusterSecretStore, namespaces must be explicitly set")
    return await context.resolve(ref.secret_ref)
