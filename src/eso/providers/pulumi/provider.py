"""The provider `pulumi`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent, is_url
from eso.providers.pulumi.api import SOURCE, PulumiAPI
from eso.providers.pulumi.auth import exchanged, fixed
from eso.providers.pulumi.client import PulumiClient
from eso.providers.pulumi.spec import PulumiOIDCAuth, PulumiProviderSecretRef, PulumiSpec

__all__ = ["PulumiProvider"]

_URL: Final = "https://api.pulumi.com/api/esc"
_API: Final = "/api/esc"
_METHODS: Final = "auth.accessToken, auth.oidcConfig or the deprecated accessToken"


class PulumiProvider(Provider[PulumiSpec]):
    """Values of Pulumi ESC environments.

    Args:
        clock: seconds; measures the age of tokens.
    """

    name: ClassVar[str] = "pulumi"
    spec_type: ClassVar[type[BaseModel]] = PulumiSpec
    # It writes as well; this is what External Secrets Operator shows.
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def new_client(self, spec: PulumiSpec, context: StoreContext) -> SecretsClient:
        """A client; with OIDC it is signed in."""
        _check_names(spec)
        method = _method(spec)
        url = _checked_url(spec.api_url)
        http = context.http(headers={"User-Agent": "external-secrets-operator", "X-Pulumi-Source": SOURCE})
        calls = context.calls("Pulumi/ESC")
        if isinstance(method, PulumiOIDCAuth):
            tokens = exchanged(method, url.removesuffix(_API), http, context, calls, self._clock)
            await tokens.get()
        else:
            if context.store_kind == "ClusterSecretStore" and method.namespace is None:
                raise InvalidSpecError("cluster store requires namespace: set secretRef.namespace")
            tokens = fixed(await context.resolve(method))
        renews = isinstance(method, PulumiOIDCAuth)
        return PulumiClient(PulumiAPI(http, url, spec, tokens, calls, renews=renews))

    def validate_store(self, spec: PulumiSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Names, URL, exactly one way to sign in, and its fields."""
        _check_names(spec)
        _checked_url(spec.api_url)
        method = _method(spec)
        if isinstance(method, PulumiOIDCAuth):
            account = method.service_account_ref
            if not method.organization:
                raise InvalidSpecError("oidcConfig.organization is required")
            if not account.name:
                raise InvalidSpecError("oidcConfig.serviceAccountRef.name is required")
            if store_kind == "ClusterSecretStore" and account.namespace is None:
                raise InvalidSpecError("oidcConfig.serviceAccountRef.namespace is required for ClusterSecretStore")
            check_referent(account, store_kind=store_kind, store_namespace=store_namespace)
            return ()
        check_referent(method, store_kind=store_kind, store_namespace=store_namespace)
        if not method.name:
            raise InvalidSpecError("secretRef.name is required")
        if not method.key:
            raise InvalidSpecError("secretRef.key is required")
        return ()


def _check_names(spec: PulumiSpec) -> None:
    for name in ("organization", "environment", "project"):
        if not getattr(spec, name):
            raise InvalidSpecError(f"{name} is required")


def _method(spec: PulumiSpec) -> PulumiOIDCAuth | SecretKeySelector:
    """The one way to sign in."""
    found: list[PulumiProviderSecretRef | PulumiOIDCAuth | None] = [spec.access_token]
    if spec.auth is not None:
        found += [spec.auth.access_token, spec.auth.oidc_config]
    methods = [method for method in found if method is not None]
    if len(methods) > 1:
        raise InvalidSpecError(f"only one authentication method may be configured: {_METHODS}")
    if not methods:
        raise InvalidSpecError(f"no authentication method configured: set {_METHODS}")
    method = methods[0]
    if isinstance(method, PulumiOIDCAuth):
        return method
    if method.secret_ref is None:
        raise InvalidSpecError("secretRef is required: it names the Secret with the access token")
    return method.secret_ref


def _checked_url(url: str) -> str:
    """The URL of the API, without slash at its end."""
    if not is_url(url or _URL):
        raise InvalidSpecError(f"apiUrl must be like {_URL}")
    return (url or _URL).rstrip("/")
