"""The provider `doppler`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import aiohttp
from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, ProviderCalls, SecretsClient, StoreContext
from eso.providers.common import check_strict, is_url
from eso.providers.doppler.api import DopplerAPI, json_of, send
from eso.providers.doppler.auth import Exchanged, Fixed, Tokens
from eso.providers.doppler.client import DopplerClient
from eso.providers.doppler.spec import DopplerOIDCAuth, DopplerSpec

__all__ = ["DopplerProvider"]

_URL: Final = "https://api.doppler.com"
_KEY: Final = "dopplerToken"
_TIMEOUT: Final = 10.0
_ETAGS: Final = 16384
"""Answers kept at most; source: the flag `--doppler-etag-cache-size` of External Secrets Operator."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DopplerProvider(Provider[DopplerSpec]):
    """Secrets of a Doppler config.

    Args:
        environ: with DOPPLER_BASE_URL and DOPPLER_VERIFY_TLS; None for the process's.
        clock: the wall clock.
    """

    name: ClassVar[str] = "doppler"
    spec_type: ClassVar[type[BaseModel]] = DopplerSpec
    # It writes as well; this is what External Secrets Operator shows.
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, environ: Mapping[str, str] | None = None, clock: Callable[[], datetime] = _utc_now) -> None:
        self._environ = os.environ if environ is None else environ
        self._clock = clock

    async def new_client(self, spec: DopplerSpec, context: StoreContext) -> SecretsClient:
        """A client that is signed in."""
        url = (self._environ.get("DOPPLER_BASE_URL") or _URL).rstrip("/")
        if "://" not in url:
            url = f"https://{url}"
        if not is_url(url):
            raise InvalidSpecError("DOPPLER_BASE_URL of the operator is not an http or https URL")
        verify = self._environ.get("DOPPLER_VERIFY_TLS", "").strip().lower() not in ("false", "0", "f")
        http = context.http(
            f"{url}/", headers={"User-Agent": "doppler-external-secrets"}, verify=verify, timeout=_TIMEOUT
        )
        calls = context.calls("Doppler/Secrets")
        tokens = await self._tokens(spec, context, url, http, calls)
        place = {name: text for name, text in (("project", spec.project), ("config", spec.config)) if text}
        return DopplerClient(
            spec, DopplerAPI(http, calls, tokens, place, int(context.option.get("doppler-etag-cache-size", _ETAGS)))
        )

    async def _tokens(
        self, spec: DopplerSpec, context: StoreContext, url: str, http: aiohttp.ClientSession, calls: ProviderCalls
    ) -> Tokens:
        if spec.auth.secret_ref is not None:
            ref = spec.auth.secret_ref.doppler_token
            return Fixed(await context.resolve(ref if ref.key else ref.model_copy(update={"key": _KEY})))
        if spec.auth.oidc_config is None:
            raise InvalidSpecError("invalid store: either auth.secretRef or auth.oidcConfig must be specified")
        return self._exchanged(spec.auth.oidc_config, context, url, http, calls)

    def _exchanged(
        self,
        oidc: DopplerOIDCAuth,
        context: StoreContext,
        url: str,
        http: aiohttp.ClientSession,
        calls: ProviderCalls,
    ) -> Tokens:
        account = oidc.service_account_ref
        own = (
            f"clusterSecretStore:{context.store_name}"
            if context.store_kind == "ClusterSecretStore"
            else f"secretStore:{context.store_namespace}:{context.store_name}"
        )
        audiences = [own] if account.audiences else [url, own]
        what = "exchanging a token at Doppler"

        async def exchange() -> Any:
            token = await context.service_account_token(account, audiences, float(oidc.expiration_seconds))
            document = {"identity": oidc.identity, "token": token.reveal_text()}
            _, _, body = await calls.write(
                "AuthOIDC", lambda: send(http, "POST", "v3/auth/oidc", what, document=document)
            )
            return json_of(body, what)

        return Exchanged(exchange, self._clock)

    def validate_store(self, spec: DopplerSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """References and names."""
        if spec.auth.secret_ref is not None:
            token = spec.auth.secret_ref.doppler_token
            check_strict(token, store_kind=store_kind, store_namespace=store_namespace)
            if not token.name:
                raise InvalidSpecError("invalid store: auth.secretRef.dopplerToken.name cannot be empty")
        elif spec.auth.oidc_config is not None:
            oidc = spec.auth.oidc_config
            if not oidc.identity:
                raise InvalidSpecError("invalid store: auth.oidcConfig.identity cannot be empty")
            if not oidc.service_account_ref.name:
                raise InvalidSpecError("invalid store: auth.oidcConfig.serviceAccountRef.name cannot be empty")
            check_strict(oidc.service_account_ref, store_kind=store_kind, store_namespace=store_namespace)
        else:
            raise InvalidSpecError("invalid store: either auth.secretRef or auth.oidcConfig must be specified")
        return ()
