"""The provider `azurekv`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.secrets.aio import SecretClient
from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.identity.azure import CLOUDS, Application, AzureSignIn, Cloud, ManagedIdentity, principal_of
from eso.providers.azurekv.api import KeyVault, Patience
from eso.providers.azurekv.auth import SignedIn, application_tokens, machine_tokens
from eso.providers.azurekv.client import AzureKVClient
from eso.providers.azurekv.push import Pusher
from eso.providers.azurekv.spec import AzureKVAuth, AzureKVSpec
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent, is_url

__all__ = ["AzureKVProvider"]

_METRICS: Final = "Azure/KeyVault"
_LEGACY_API: Final = "7.0"
_CURRENT_API: Final = "7.4"
"""Versions of the data plane. Azure Stack Hub knows no later one than the first."""

_IMDS: Final = "http://169.254.169.254"
_TENANT: Final = re.compile(r"[0-9A-Za-z.-]+")
"""Source: what Azure's SDKs take."""


class AzureKVProvider(Provider[AzureKVSpec]):
    """Secrets, keys and certificates of Azure Key Vault.

    Args:
        authority: base URL that takes the place of every cloud's sign-in endpoint; empty for the cloud's own.
        imds: base URL of the instance metadata service.
        environ: where the operator's own workload identity is described; None for the process environment.
        ca: PEM of the only roots to trust; None for the system's.
        backoff: seconds before the first retry, doubled for each further one.
        timeout: seconds for a request with its retries.
    """

    name: ClassVar[str] = "azurekv"
    spec_type: ClassVar[type[BaseModel]] = AzureKVSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    # Source: "Azure Key Vault service limits": 4000 transactions in 10 seconds for each vault.
    rate_limit: ClassVar[tuple[float, int] | None] = (400.0, 400)

    def __init__(
        self,
        authority: str = "",
        imds: str = _IMDS,
        environ: Mapping[str, str] | None = None,
        ca: bytes | None = None,
        backoff: float = 0.8,
        timeout: float = 30.0,
    ) -> None:
        self._authority = authority
        self._imds = imds
        self._environ = os.environ if environ is None else environ
        self._ca = ca
        self._backoff = backoff
        self._timeout = timeout

    async def new_client(self, spec: AzureKVSpec, context: StoreContext) -> SecretsClient:
        """A client of the vault; Azure is first asked when it is used, except for workload identity without `useAzureSDK`.

        Raises:
            EsoError: the sign-in is described incompletely, or a credential is missing in the cluster.
        """
        if not is_url(spec.vault_url, schemes=("https",)):
            raise InvalidSpecError(f"vaultUrl {spec.vault_url!r} must be a URL that begins with https://")
        cloud = self._cloud(spec)
        principal = await principal_of(_sign_in(spec), context, self._environ)
        if isinstance(principal, Application) and not _TENANT.fullmatch(principal.tenant_id):
            raise InvalidSpecError("the tenant id is not valid: it must be an id, or a domain, and nothing around it")
        self._check_receiver(spec, urlsplit(spec.vault_url).hostname or "", cloud)
        http = context.http(ca=self._ca, timeout=self._timeout)
        if isinstance(principal, ManagedIdentity):
            request = machine_tokens(principal, http=http, imds=self._imds)
        else:
            request = application_tokens(
                principal,
                authority=cloud.authority,
                http=http,
                timeout=self._timeout,
                retries=self._patience,
            )
        credential = SignedIn(request, "" if spec.environment_type == "AzureStackCloud" else cloud.vault)
        if not spec.use_azure_sdk and spec.auth_type == "WorkloadIdentity":
            # A federation that does not work shows on the store, not first on those who use it.
            await credential.get_token_info()
        client = SecretClient(
            spec.vault_url.rstrip("/"),
            credential,
            api_version=_CURRENT_API if spec.use_azure_sdk else _LEGACY_API,
            # What the challenge names is the credential's to judge.
            verify_challenge_resource=False,
            transport=AioHttpTransport(session=http, session_owner=False),
            retry_policy=self._patience(),
        )
        api = KeyVault(client, credential, context.calls(_METRICS), timeout=self._timeout)
        return AzureKVClient(api, Pusher(api), legacy=not spec.use_azure_sdk)

    def _check_receiver(self, spec: AzureKVSpec, host: str, cloud: Cloud) -> None:
        """Keep tokens of the operator's own identity within Azure: whoever writes a store could have them sent anywhere."""
        own = spec.auth_type == "ManagedIdentity" or (
            spec.auth_type == "WorkloadIdentity" and spec.service_account_ref is None
        )
        elsewhere = self._authority or self._imds != _IMDS or spec.custom_cloud_config is not None
        domain = urlsplit(cloud.vault).hostname or ""
        if own and not elsewhere and not host.endswith(f".{domain}"):
            raise InvalidSpecError(
                f"vaultUrl must be within {domain}: a store that signs in as the operator reads vaults of Azure only"
            )

    def _cloud(self, spec: AzureKVSpec) -> Cloud:
        custom = spec.custom_cloud_config
        if spec.use_azure_sdk and spec.environment_type == "GermanCloud":
            raise InvalidSpecError("environmentType GermanCloud is discontinued: choose another cloud")
        if custom is None and spec.environment_type == "AzureStackCloud":
            raise InvalidSpecError("environmentType AzureStackCloud requires customCloudConfig")
        cloud = CLOUDS.get(spec.environment_type, CLOUDS["PublicCloud"])
        if custom is not None:
            if not is_url(custom.active_directory_endpoint, schemes=("https",)):
                raise InvalidSpecError(
                    "customCloudConfig.activeDirectoryEndpoint must be a URL that begins with https://"
                )
            return Cloud(custom.active_directory_endpoint.rstrip("/"), cloud.vault)
        return Cloud(self._authority or cloud.authority, cloud.vault)

    def _patience(self) -> Patience:
        return Patience(retry_total=3, retry_backoff_factor=self._backoff)

    def validate_store(self, spec: AzureKVSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Where selectors point, and that a custom cloud is described."""
        auth = spec.auth_secret_ref or AzureKVAuth()
        for field, selector in (
            ("authSecretRef.clientId", auth.client_id),
            ("authSecretRef.clientSecret", auth.client_secret),
            ("serviceAccountRef", spec.service_account_ref),
        ):
            try:
                check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"invalid {field}: {err}") from err
        custom = spec.custom_cloud_config
        if custom is not None and not spec.use_azure_sdk:
            raise InvalidSpecError("customCloudConfig requires useAzureSDK: true")
        if custom is not None and not custom.active_directory_endpoint:
            raise InvalidSpecError("customCloudConfig.activeDirectoryEndpoint must be set")
        if spec.environment_type == "AzureStackCloud" and custom is None:
            raise InvalidSpecError("environmentType AzureStackCloud requires customCloudConfig")
        return ()

    def is_referent(self, spec: AzureKVSpec) -> bool:
        """Whether the client id, its secret or the ServiceAccount leaves its namespace to the consumer."""
        auth = spec.auth_secret_ref or AzureKVAuth()
        selectors = (auth.client_id, auth.client_secret, spec.service_account_ref)
        return any(selector is not None and selector.namespace is None for selector in selectors)


def _sign_in(spec: AzureKVSpec) -> AzureSignIn:
    auth = spec.auth_secret_ref or AzureKVAuth()
    return AzureSignIn(
        spec.auth_type,
        tenant_id=spec.tenant_id or "",
        identity_id=spec.identity_id or "",
        client_id_ref=auth.client_id,
        tenant_id_ref=auth.tenant_id,
        client_secret_ref=auth.client_secret,
        client_certificate_ref=auth.client_certificate,
        has_secret_ref=spec.auth_secret_ref is not None,
        service_account_ref=spec.service_account_ref,
        annotations_only=spec.use_azure_sdk,
    )
