"""The configuration under `spec.provider.azurekv` of a store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from eso.api.identity_v1 import AzureEnvironmentType
from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model
from reconcile.schema import AS_STORED

__all__ = ["AzureCustomCloudConfig", "AzureKVAuth", "AzureKVSpec"]


class AzureKVAuth(Model):
    """Credentials of an application: client id with a secret or a certificate."""

    client_certificate: SecretKeySelector | None = None
    client_id: SecretKeySelector | None = None
    client_secret: SecretKeySelector | None = None
    tenant_id: SecretKeySelector | None = None


class AzureCustomCloudConfig(Model):
    """Endpoints of an Azure Stack or other private cloud."""

    active_directory_endpoint: str
    key_vault_dns_suffix: str | None = Field(default=None, alias="keyVaultDNSSuffix")
    key_vault_endpoint: str | None = None
    resource_manager_endpoint: str | None = None


class AzureKVSpec(Model):
    """A key vault and the Entra ID identity to read it with."""

    vault_url: str
    auth_secret_ref: AzureKVAuth | None = None
    auth_type: Annotated[Literal["ServicePrincipal", "ManagedIdentity", "WorkloadIdentity"], AS_STORED] = (
        "ServicePrincipal"
    )
    custom_cloud_config: AzureCustomCloudConfig | None = None
    environment_type: AzureEnvironmentType = "PublicCloud"
    identity_id: str | None = None
    service_account_ref: ServiceAccountSelector | None = None
    tenant_id: str | None = None
    use_azure_sdk: bool = Field(default=False, alias="useAzureSDK")
