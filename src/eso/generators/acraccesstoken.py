"""ACRAccessToken: a login for an Azure Container Registry."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from eso.api.generators_v1alpha1.acraccesstoken import (
    ACRAccessTokenSpec,
    AzureACRServicePrincipalAuth,
    AzureACRWorkloadIdentityAuth,
)
from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError, ProviderError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.entra import CLOUDS, Cloud, Entra
from eso.generators.http import answer_to, checked_url, text_of
from eso.identity.azure import Application, AzureSignIn, principal_of
from eso.values import SecretValue, wrap_all

__all__ = ["ACRAccessTokenGenerator"]

_USERNAME: Final = "00000000-0000-0000-0000-000000000000"
"""Source: Azure documentation, user name for a login with a token."""

_IMDS: Final = "http://169.254.169.254"

_EXCHANGING: Final = "exchanging a token at the Azure Container Registry"


class ACRAccessTokenGenerator(Generator[ACRAccessTokenSpec]):
    """Exchanges a token of Entra for one of the registry.

    Args:
        scheme: of the registry's URL.
        authority: base URL that takes the place of the cloud's sign-in endpoint.
        imds: base URL of the instance metadata service.
        environ: where the operator's own workload identity is described; None for the process environment.
    """

    kind = "ACRAccessToken"
    spec_type = ACRAccessTokenSpec

    def __init__(
        self,
        scheme: str = "https",
        authority: str = "",
        imds: str = _IMDS,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._scheme = scheme
        self._authority = authority
        self._imds = imds
        self._environ = os.environ if environ is None else environ

    async def generate(self, spec: ACRAccessTokenSpec, context: GeneratorContext) -> Generated:
        """`username` and `password`: a refresh token, or an access token when the spec has a scope.

        Raises:
            InvalidSpecError: no way to sign in is given, or it is incomplete.
            ProviderError: Entra or the registry refused.
        """
        cloud = CLOUDS.get(spec.environment_type)
        if cloud is None:
            raise InvalidSpecError(f"spec.environmentType {spec.environment_type} is not supported")
        registry = checked_url(f"{self._scheme}://{spec.registry}", "spec.registry")
        self._check_receiver(spec, urlsplit(registry).hostname or "", cloud)
        http = context.http()
        token = await self._signed_in(spec, context, Entra(http, cloud, authority=self._authority, imds=self._imds))
        form = {
            "grant_type": "access_token",
            "service": spec.registry,
            "tenant": spec.tenant_id or "",
            "access_token": token.reveal_text(),
        }
        password = await _exchanged(http, f"{registry}/oauth2/exchange", form, "refresh_token")
        if spec.scope:
            form = {
                "grant_type": "refresh_token",
                "service": spec.registry,
                "scope": spec.scope,
                "refresh_token": password,
            }
            password = await _exchanged(http, f"{registry}/oauth2/token", form, "access_token")
        return Generated(wrap_all({"username": _USERNAME, "password": password}))

    def _check_receiver(self, spec: ACRAccessTokenSpec, host: str, cloud: Cloud) -> None:
        """Keep tokens of the operator's own identity within Azure: they rule subscriptions, and anybody may name a registry."""
        auth = spec.auth
        workload = auth.workload_identity is not None and auth.workload_identity.service_account_ref is None
        own = auth.service_principal is None and (auth.managed_identity is not None or workload)
        elsewhere = self._authority or self._imds != _IMDS
        if own and not elsewhere and not host.endswith(f".{cloud.registries}"):
            raise InvalidSpecError(
                f"spec.registry must be within {cloud.registries}: a generator that signs in as the operator asks Azure only"
            )

    async def _signed_in(self, spec: ACRAccessTokenSpec, context: GeneratorContext, entra: Entra) -> SecretValue:
        if spec.auth.service_principal is not None:
            client_id, secret = await _principal(spec.auth.service_principal, context)
            return await entra.by_secret(spec.tenant_id or "", client_id, secret)
        if spec.auth.managed_identity is not None:
            return await entra.by_managed_identity(spec.auth.managed_identity.identity_id or "")
        if spec.auth.workload_identity is not None:
            return await self._by_workload(spec.auth.workload_identity, context, entra)
        raise InvalidSpecError("spec.auth must have servicePrincipal, managedIdentity or workloadIdentity")

    async def _by_workload(
        self, auth: AzureACRWorkloadIdentityAuth, context: GeneratorContext, entra: Entra
    ) -> SecretValue:
        sign_in = AzureSignIn("WorkloadIdentity", service_account_ref=auth.service_account_ref, annotations_only=True)
        principal = await principal_of(sign_in, context, self._environ)
        assert isinstance(principal, Application) and principal.assertion is not None
        return await entra.by_assertion(principal.tenant_id, principal.client_id, await principal.assertion())


async def _principal(auth: AzureACRServicePrincipalAuth, context: GeneratorContext) -> tuple[str, SecretValue]:
    async def read(ref: SecretKeySelector | None, field: str) -> str:
        if ref is None:
            raise InvalidSpecError(f"spec.auth.servicePrincipal.secretRef.{field} must be set")
        found = (await context.resolve(ref)).utf8()
        if found is None:
            raise InvalidSpecError(
                f'spec.auth.servicePrincipal.secretRef.{field} must be text: key "{ref.key}" of secret "{ref.name}" is not UTF-8'
            )
        return found.strip()

    client_id = await read(auth.secret_ref.client_id, "clientId")
    return client_id, SecretValue(await read(auth.secret_ref.client_secret, "clientSecret"))


async def _exchanged(http: aiohttp.ClientSession, url: str, form: Mapping[str, str], member: str) -> str:
    answer = await answer_to(http, "POST", url, _EXCHANGING, form=form)
    if answer.status != 200:
        raise answer.error(_EXCHANGING)
    if not isinstance(answer.content, Mapping) or not all(isinstance(value, str) for value in answer.content.values()):
        raise ProviderError(f"{_EXCHANGING}: the answer is no object of texts")
    return text_of(answer, member, _EXCHANGING)
