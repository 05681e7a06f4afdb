"""The provider `onepasswordSDK`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

import onepassword
from pydantic import BaseModel

from eso.api.duration import parse_duration
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict
from eso.providers.onepasswordsdk.api import Authenticate, OnePasswordAPI, signed_in
from eso.providers.onepasswordsdk.cache import ValueCache
from eso.providers.onepasswordsdk.client import VaultClient
from eso.providers.onepasswordsdk.environment import EnvironmentClient
from eso.providers.onepasswordsdk.spec import OnePasswordSDKCache, OnePasswordSDKIntegrationInfo, OnePasswordSDKSpec

__all__ = ["OnePasswordSDKProvider"]

_SPEC: Final = "spec.provider.onepasswordSDK"
_TTL: Final = 300.0
_SIZE: Final = 100
_SECONDS: Final = 30.0


class OnePasswordSDKProvider(Provider[OnePasswordSDKSpec]):
    """Items of 1Password and variables of its Environments, as a service account.

    Args:
        authenticate: signs in; the SDK's own unless a test brings another.
        clock: seconds, monotonic; measures the age of values that are kept.
        timeout: seconds for each request.
    """

    name: ClassVar[str] = "onepasswordSDK"
    spec_type: ClassVar[type[BaseModel]] = OnePasswordSDKSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(
        self,
        authenticate: Authenticate | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = _SECONDS,
    ) -> None:
        self._authenticate: Authenticate = authenticate or onepassword.Client.authenticate
        self._clock = clock
        self._timeout = timeout

    async def new_client(self, spec: OnePasswordSDKSpec, context: StoreContext) -> SecretsClient:
        """A client with the service account's token."""
        _check_scope(spec)
        cache = ValueCache(*_limits(spec.cache), self._clock)
        info = spec.integration_info or OnePasswordSDKIntegrationInfo()
        token = await context.resolve(spec.auth.service_account_secret_ref)
        calls = context.calls("1Password/SDK")
        api = await signed_in(self._authenticate, token, info.name, info.version, calls, self._timeout)
        if spec.environment:
            return EnvironmentClient(api, spec.environment, cache)
        return await _vault_client(api, spec.vault or "", cache)

    def validate_store(self, spec: OnePasswordSDKSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Token reference, vault or Environment, and the cache."""
        token = spec.auth.service_account_secret_ref
        for name, value in (("name", token.name), ("key", token.key)):
            if not value:
                raise InvalidSpecError(f"missing: {_SPEC}.auth.serviceAccountSecretRef.{name}")
        _check_scope(spec)
        _limits(spec.cache)
        check_strict(token, store_kind=store_kind, store_namespace=store_namespace)
        return ()


async def _vault_client(api: OnePasswordAPI, vault: str, cache: ValueCache) -> SecretsClient:
    try:
        return VaultClient(api, await api.vault(vault), f"op://{vault}/", cache)
    except BaseException:
        api.close()
        raise


def _check_scope(spec: OnePasswordSDKSpec) -> None:
    if bool(spec.vault) == bool(spec.environment):
        problem = "both are set" if spec.vault else f"missing: {_SPEC}.vault"
        raise InvalidSpecError(f"exactly one of {_SPEC}.vault and {_SPEC}.environment must be set: {problem}")


def _limits(cache: OnePasswordSDKCache | None) -> tuple[int, float]:
    """Values that are kept, and seconds for each; none where the store has no cache."""
    if cache is None:
        return 0, 0.0
    try:
        ttl = parse_duration(cache.ttl)
    except ValueError as err:
        raise InvalidSpecError(f"{_SPEC}.cache.ttl: {err}") from err
    return cache.max_size if cache.max_size > 0 else _SIZE, ttl if ttl > 0 else _TTL
