"""A token for Azure's Resource Manager: it proves to Akeyless which identity of Azure the operator has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import aiohttp

from eso.api.meta_v1 import ServiceAccountSelector
from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError, ProviderError, UnavailableError
from eso.identity.azure import AUDIENCE, CLIENT_ID, TENANT_ID, Application, AzureSignIn, principal_of
from eso.identity.context import CredentialContext
from eso.identity.http import error_for_status, exchange, retry_after
from eso.providers.akeyless.surroundings import Surroundings
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["azure_token"]

_SECONDS: Final = 600.0
"""That the token of a ServiceAccount lives."""

_TRIES: Final = 5
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SIGNING_IN: Final = "signing in to Azure"
_ASKING: Final = "asking the Azure metadata service for a token"


class _Cloud(NamedTuple):
    authority: str
    manager: str


_PUBLIC: Final = _Cloud("https://login.microsoftonline.com", "https://management.azure.com/")
_GOVERNMENT: Final = _Cloud("https://login.microsoftonline.us", "https://management.usgovcloudapi.net/")
_CHINA: Final = _Cloud("https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn/")
_CLOUDS: Final = {
    "azurecloud": _PUBLIC,
    "azurepubliccloud": _PUBLIC,
    "azureusgovernment": _GOVERNMENT,
    "azureusgovernmentcloud": _GOVERNMENT,
    "azurechinacloud": _CHINA,
    "azurechinacloud21vianet": _CHINA,
}
"""Names and endpoints. Source: README of the vendor's akeyless-go-cloud-id."""


async def azure_token(
    around: Surroundings,
    http: aiohttp.ClientSession,
    context: CredentialContext,
    account: ServiceAccountSelector | None,
    parameter: str,
) -> str:
    """The token of a ServiceAccount's application, of a managed identity, or of what the environment names.

    Args:
        around: environment and endpoints.
        http: carries the requests.
        context: reads ServiceAccounts.
        account: federated with an application of Entra; None for the operator's own identity.
        parameter: client id of that application where the account has no annotation; without account the object id of a
            managed identity. May be empty.

    Raises:
        InvalidSpecError: an id is missing.
        ProviderError: Azure refused, or cannot be reached.
    """
    cloud = _cloud(around.environ)
    if account is not None:
        return await _entra(http, cloud, await _federated(account, parameter, context, around.environ))
    if parameter:
        return await _machine(around, http, cloud, {"object_id": parameter})
    client, tenant, secret, file = (
        around.environ.get(f"AZURE_{name}", "")
        for name in ("CLIENT_ID", "TENANT_ID", "CLIENT_SECRET", "FEDERATED_TOKEN_FILE")
    )
    if client and tenant and secret:
        return await _entra(http, cloud, Application(tenant, client, secret=SecretValue(secret)))
    if client and tenant and file:
        ambient = await principal_of(AzureSignIn("WorkloadIdentity"), context, around.environ)
        assert isinstance(ambient, Application)
        return await _entra(http, cloud, ambient)
    return await _machine(around, http, cloud, {"client_id": client} if client else {})


def _cloud(environ: Mapping[str, str]) -> _Cloud:
    names = (environ.get(name, "").strip().lower() for name in ("AZURE_ENVIRONMENT", "AZURE_CLOUD"))
    found = next((_CLOUDS[name] for name in names if name in _CLOUDS), _PUBLIC)
    authority = environ.get("AZURE_AUTHORITY_HOST", "").rstrip("/")
    return found._replace(authority=authority) if authority else found


async def _federated(
    account: ServiceAccountSelector, parameter: str, context: CredentialContext, environ: Mapping[str, str]
) -> Application:
    annotations = await context.service_account_annotations(account)
    client = annotations.get(CLIENT_ID, "") or parameter
    if not client:
        raise InvalidSpecError(
            f'missing Azure client ID: set accessTypeParam or annotate service account "{account.name}" with {CLIENT_ID}'
        )
    tenant = annotations.get(TENANT_ID, "") or environ.get("AZURE_TENANT_ID", "")
    if not tenant:
        raise InvalidSpecError(
            f'missing Azure tenant ID: annotate service account "{account.name}" with {TENANT_ID} or set AZURE_TENANT_ID'
        )
    return Application(tenant, client, assertion=lambda: context.service_account_token(account, (AUDIENCE,), _SECONDS))


async def _entra(http: aiohttp.ClientSession, cloud: _Cloud, application: Application) -> str:
    # Source: Microsoft identity platform, "OAuth 2.0 client credentials flow".
    form = {
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "scope": f"{cloud.manager}.default",
    }
    if application.assertion is not None:
        assertion = await application.assertion()
        form |= {"client_assertion_type": _ASSERTION, "client_assertion": assertion.reveal_text()}
    elif application.secret is not None:
        form["client_secret"] = application.secret.reveal_text()
    url = f"{cloud.authority}/{quote(application.tenant_id, safe='')}/oauth2/v2.0/token"
    answer = await exchange(_Answer, http, "POST", url, _SIGNING_IN, form=form)
    if answer.status == 400:
        # Entra answers so to an unknown tenant or application, and to an assertion that it does not trust.
        raise AccessDeniedError(f"{_SIGNING_IN}: Entra refused the application's credentials (400)")
    return answer.token(_SIGNING_IN)


async def _machine(
    around: Surroundings, http: aiohttp.ClientSession, cloud: _Cloud, identity: Mapping[str, str]
) -> str:
    # Source: Azure documentation, "How to use managed identities on a virtual machine to acquire an access token".
    query = {"api-version": "2018-02-01", "resource": cloud.manager, **identity}
    url = f"{around.imds}/metadata/identity/oauth2/token"
    tried = 0
    while True:
        answer = await exchange(_Answer, http, "GET", url, _ASKING, headers={"Metadata": "true"}, params=query)
        tried += 1
        passing = answer.status in (404, 429) or answer.status >= 500
        if not passing or tried == _TRIES:
            break
        await asyncio.sleep(tried * around.pause)
    if answer.status == 400:
        raise AccessDeniedError(f"{_ASKING}: the machine has no such managed identity (400)")
    return answer.token(_ASKING)


class _Answer:
    """What a token endpoint said. It may hold a token and never prints."""

    __slots__ = ("_body", "_headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self._headers = headers
        self._body = body

    def token(self, what: str) -> str:
        """The access token in it.

        Raises:
            ProviderError: it is a refusal, or has none.
        """
        if self.status != 200:
            error = error_for_status(self.status, what, wait=retry_after(self._headers))
            raise UnavailableError(str(error)) if isinstance(error, NoSecretError) else error
        try:
            found: Any = loads(self._body)
        except ValueError:
            found = None
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not token:
            raise ProviderError(f"{what}: the answer has no token")
        return token
