"""Tokens for key vaults: azure-identity signs in, one token serves all requests of a client until it is about to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, AsyncRetryPolicy, ContentDecodePolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import CertificateCredential, ClientAssertionCredential, ClientSecretCredential

from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError, ProviderError, UnavailableError
from eso.identity.azure import Application, ManagedIdentity
from eso.providers.common import is_url
from eso.providers.http import error_for_status, read_json, retry_after, transport_errors
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["SignedIn", "TokenRequest", "application_tokens", "machine_tokens", "unreachable"]

TokenRequest = Callable[[str], Awaitable[AccessTokenInfo]]
"""Asks for a token for a resource."""

_EARLY: Final = 300.0
"""Seconds before its end at which a token is replaced. Source: what the SDK's own policies do."""

_SIGNING_IN: Final = "signing in to Azure"


class _SdkCredential(AbstractAsyncContextManager["_SdkCredential"], Protocol):
    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo: ...


class SignedIn:
    """The credential that the SDK's pipeline is given.

    The vault's challenge may name a tenant and a resource; both are ignored, so that no vault can ask for a token that is
    good elsewhere. Only an Azure Stack has no resource that is known beforehand.

    Args:
        request: asks for a fresh token; raises `eso.errors`.
        resource: what tokens are for; empty for what the vault's challenge names, as long as that is a key vault.
        clock: wall clock as seconds of the epoch.
    """

    def __init__(self, request: TokenRequest, resource: str, clock: Callable[[], float] = time.time) -> None:
        self._challenged = not resource
        self._resource = resource

        async def fresh() -> tuple[AccessTokenInfo, float]:
            found = await request(self._resource)
            return found, float(found.expires_on)

        self._tokens = Renewed(fresh, clock, early=_EARLY)

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token that is valid for some minutes at least; concurrent callers share one sign-in.

        Raises:
            ProviderError: the sign-in failed, or the vault asks for a token that is for something else.
        """
        if self._challenged and scopes:
            resource = _vault_resource(scopes[0])
            if resource != self._resource:
                self._resource = resource
                self._tokens.forget(self._tokens.current)
        return await self._tokens.get()

    def forget(self, token: AccessTokenInfo | None) -> None:
        """The vault refused this token: the next request signs in anew. A token that was replaced meanwhile stays."""
        self._tokens.forget(token)

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **options: Any
    ) -> AccessToken:
        """As `get_token_info`, in the form of older pipelines."""
        found = await self.get_token_info(*scopes)
        return AccessToken(found.token, found.expires_on)

    @property
    def token(self) -> AccessTokenInfo | None:
        """The token in use."""
        return self._tokens.current

    async def close(self) -> None:
        """Drop the token."""
        self._tokens.forget(self._tokens.current)

    async def __aenter__(self) -> SignedIn:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


def _vault_resource(scope: str) -> str:
    """The resource in a challenge. Tokens for Azure's other services are good far beyond the vault that asks for them."""
    resource = scope.removesuffix("/.default")
    # Source: resource ids of key vaults on Azure Stack Hub, for example https://vault.stack.onmicrosoft.com/<id>.
    if not is_url(resource, schemes=("https",)) or not (urlsplit(resource).hostname or "").startswith("vault."):
        raise AccessDeniedError(f"{_SIGNING_IN}: the vault asks for a token that is not for a key vault")
    return resource


def application_tokens(
    application: Application,
    *,
    authority: str,
    http: aiohttp.ClientSession,
    timeout: float,
    retries: Callable[[], AsyncRetryPolicy[Any, Any]],
) -> TokenRequest:
    """Signs an application in.

    Args:
        application: who, and the proof.
        authority: base URL of Entra.
        http: carries the requests; stays open.
        timeout: seconds for a sign-in with its retries.
        retries: makes the policy of retries.

    Raises:
        InvalidSpecError: the application has a proof that nobody could use.
    """
    if application.assertion is None:
        # Made once without being used, so that it shows on the store, not first on those who use it.
        _credential(application, None, {"authority": authority})

    async def request(resource: str) -> AccessTokenInfo:
        assertion = await application.assertion() if application.assertion is not None else None
        transport = AioHttpTransport(session=http, session_owner=False)
        policies = [_Refusals(), ContentDecodePolicy(), retries()]
        options = {"authority": authority, "transport": transport, "policies": policies}
        async with _credential(application, assertion, options) as credential:
            try:
                async with asyncio.timeout(timeout):
                    return await credential.get_token_info(f"{resource}/.default")
            except TimeoutError:
                raise UnavailableError(f"{_SIGNING_IN}: Entra did not answer in time") from None
            except AzureError as err:
                raise unreachable(err, _SIGNING_IN, "Entra") from ConnectionError(type(err).__name__)

    return request


def _credential(application: Application, assertion: SecretValue | None, options: dict[str, Any]) -> _SdkCredential:
    tenant, client_id = application.tenant_id, application.client_id
    try:
        if assertion is not None:
            return ClientAssertionCredential(tenant, client_id, assertion.reveal_text, **options)
        if application.certificate is not None:
            return CertificateCredential(
                tenant, client_id, certificate_data=application.certificate.reveal(), **options
            )
        secret = application.secret.reveal_text() if application.secret is not None else ""
        return ClientSecretCredential(tenant, client_id, secret, **options)
    except (ValueError, TypeError) as err:
        hint = (
            "clientCertificate must be PEM of a certificate and its unencrypted RSA key"
            if application.certificate is not None
            else "the tenant id, client id, client secret or authority is empty or malformed"
        )
        raise InvalidSpecError(f"the Azure credentials cannot be used: {hint}") from ValueError(type(err).__name__)


class _Refusals(AsyncHTTPPolicy[Any, Any]):
    """Turns answers that are no success into our errors; the SDK would put their text into its log and its exceptions."""

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """See the base class."""
        response = await self.next.send(request)
        status = response.http_response.status_code
        if status < 300:
            return response
        # Entra answers 400 to an unknown tenant or application, 401 to a wrong secret: all of them are refusals.
        if status == 400:
            raise AccessDeniedError(f"{_SIGNING_IN}: Entra refused the application's credentials (400)")
        wait = retry_after(response.http_response.headers)
        raise _no_absence(error_for_status(status, _SIGNING_IN, wait=wait))


def machine_tokens(identity: ManagedIdentity, *, http: aiohttp.ClientSession, imds: str) -> TokenRequest:
    """Signs the machine's managed identity in, at its instance metadata service.

    Args:
        identity: which one.
        http: carries the requests; must not go through a proxy that cannot reach the metadata service.
        imds: base URL of the service.
    """
    # Source: Azure documentation, "How to use managed identities on a virtual machine to acquire an access token".
    known = {"api-version": "2018-02-01", **({"client_id": identity.client_id} if identity.client_id else {})}
    url = f"{imds.rstrip('/')}/metadata/identity/oauth2/token"

    async def request(resource: str) -> AccessTokenInfo:
        params = {**known, "resource": resource}
        with transport_errors(_SIGNING_IN):
            async with http.get(url, params=params, headers={"Metadata": "true"}, allow_redirects=False) as response:
                if response.status == 400:
                    raise AccessDeniedError(f"{_SIGNING_IN}: the machine has no such managed identity (400)")
                if response.status >= 300:
                    wait = retry_after(response.headers)
                    raise _no_absence(error_for_status(response.status, _SIGNING_IN, wait=wait))
                answer = await read_json(response, _SIGNING_IN)
        try:
            return AccessTokenInfo(str(answer["access_token"]), int(answer["expires_on"]))
        except (KeyError, TypeError, ValueError):
            raise ProviderError(f"{_SIGNING_IN}: the metadata service answered without a token") from None

    return request


def _no_absence(error: ProviderError) -> ProviderError:
    """404 of a sign-in says nothing about a secret."""
    return UnavailableError(str(error)) if isinstance(error, NoSecretError) else error


def unreachable(err: AzureError, what: str, whom: str) -> UnavailableError:
    """The error for one of the SDK's, all of which mean that there was no answer; their texts are left out.

    Args:
        err: of the SDK.
        what: the operation in our own words.
        whom: who did not answer.
    """
    reason = err.inner_exception
    if isinstance(reason, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return UnavailableError(f"{what}: the TLS connection to {whom} failed, its certificate is not trusted")
    return UnavailableError(f"{what}: {whom} cannot be reached ({type(err).__name__})")
