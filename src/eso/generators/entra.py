"""Access tokens of Microsoft Entra for the ACR generator: by client secret, by federated token, by managed identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import aiohttp

from eso.errors import InvalidSpecError
from eso.generators.http import answer_to, text_of
from eso.values import SecretValue

__all__ = ["CLOUDS", "Cloud", "Entra"]

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_IMDS: Final = "http://169.254.169.254"
_SIGNING_IN: Final = "signing in to Azure"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Endpoints of one Azure cloud.

    Attributes:
        authority: where identities sign in.
        management: resource that workload identities ask a token for.
        audience: resource that the others ask a token for.
        registries: domain of container registries.
    """

    authority: str
    management: str
    audience: str
    registries: str


CLOUDS: Final[Mapping[str, Cloud]] = MappingProxyType(
    {
        "PublicCloud": Cloud(
            "https://login.microsoftonline.com",
            "https://management.core.windows.net/",
            "https://management.azure.com/",
            "azurecr.io",
        ),
        "USGovernmentCloud": Cloud(
            "https://login.microsoftonline.us",
            "https://management.core.usgovcloudapi.net/",
            "https://management.usgovcloudapi.net/",
            "azurecr.us",
        ),
        "ChinaCloud": Cloud(
            "https://login.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn/",
            "https://management.chinacloudapi.cn/",
            "azurecr.cn",
        ),
        "GermanCloud": Cloud(
            "https://login.microsoftonline.de",
            "https://management.core.cloudapi.de/",
            "https://management.microsoftazure.de/",
            "azurecr.de",
        ),
    }
)
"""Source: the environments of Azure's go-autorest."""


class Entra:
    """The token endpoints.

    Args:
        http: the session.
        authority: takes the place of the cloud's authority.
        imds: base URL of the instance metadata service.
    """

    def __init__(self, http: aiohttp.ClientSession, cloud: Cloud, *, authority: str = "", imds: str = _IMDS) -> None:
        self._http = http
        self._authority = authority or cloud.authority
        self._cloud = cloud
        self._imds = imds

    async def by_secret(self, tenant: str, client_id: str, secret: SecretValue) -> SecretValue:
        """A token for an application with a client secret.

        Raises:
            ProviderError: the sign-in was refused.
        """
        form = {"client_secret": secret.reveal_text().strip()}
        return await self._token(tenant, client_id, form, self._cloud.audience)

    async def by_assertion(self, tenant: str, client_id: str, assertion: SecretValue) -> SecretValue:
        """A token for an application that trusts the issuer of `assertion`; raises as `by_secret`."""
        form = {"client_assertion_type": _ASSERTION, "client_assertion": assertion.reveal_text()}
        return await self._token(tenant, client_id, form, self._cloud.management)

    async def by_managed_identity(self, identity: str) -> SecretValue:
        """A token for an identity of the machine: by resource id, by client id, or the only one; raises as `by_secret`."""
        params = {"api-version": "2018-02-01", "resource": self._cloud.audience}
        if identity:
            params["msi_res_id" if "/" in identity else "client_id"] = identity
        url = f"{self._imds}/metadata/identity/oauth2/token"
        answer = await answer_to(self._http, "GET", url, _SIGNING_IN, headers={"Metadata": "true"}, params=params)
        if answer.status != 200:
            raise answer.error(_SIGNING_IN)
        return SecretValue(text_of(answer, "access_token", _SIGNING_IN))

    async def _token(self, tenant: str, client_id: str, form: Mapping[str, str], resource: str) -> SecretValue:
        if not tenant:
            raise InvalidSpecError("the tenant id is missing: set spec.tenantId")
        url = f"{self._authority}/{quote(tenant, safe='')}/oauth2/v2.0/token"
        sent = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "scope": f"{resource.rstrip('/')}/.default",
            **form,
        }
        answer = await answer_to(self._http, "POST", url, _SIGNING_IN, form=sent)
        if answer.status != 200:
            raise answer.error(_SIGNING_IN)
        return SecretValue(text_of(answer, "access_token", _SIGNING_IN))
