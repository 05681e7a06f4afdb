"""ACRAccessToken: an access token for an Azure Container Registry."""

from __future__ import annotations

from typing import ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.identity_v1 import AzureEnvironmentType
from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import KubeObject, Model, Resource

__all__ = [
    "ACRAccessToken",
    "ACRAccessTokenSpec",
    "ACRAuth",
    "AzureACRManagedIdentityAuth",
    "AzureACRServicePrincipalAuth",
    "AzureACRServicePrincipalAuthSecretRef",
    "AzureACRWorkloadIdentityAuth",
]


class AzureACRServicePrincipalAuthSecretRef(Model):
    """Client id and client secret of an application, in Secrets."""

    client_id: SecretKeySelector | None = None
    client_secret: SecretKeySelector | None = None


class AzureACRServicePrincipalAuth(Model):
    """An application with a client secret."""

    secret_ref: AzureACRServicePrincipalAuthSecretRef


class AzureACRManagedIdentityAuth(Model):
    """A managed identity; `identity_id` selects a user-assigned one."""

    identity_id: str | None = None


class AzureACRWorkloadIdentityAuth(Model):
    """A ServiceAccount that an application trusts; absent means the operator's own."""

    service_account_ref: ServiceAccountSelector | None = None


class ACRAuth(Model):
    """Ways to sign in; the first that is present is used."""

    service_principal: AzureACRServicePrincipalAuth | None = None
    managed_identity: AzureACRManagedIdentityAuth | None = None
    workload_identity: AzureACRWorkloadIdentityAuth | None = None


class ACRAccessTokenSpec(Model):
    """A registry (host name), an optional scope such as `repository:name:pull`, and how to sign in.

    Without a scope the token is a refresh token for everything the identity may do.
    """

    registry: str
    auth: ACRAuth
    tenant_id: str | None = None
    scope: str | None = None
    environment_type: AzureEnvironmentType = "PublicCloud"


class ACRAccessToken(KubeObject):
    """A token for an Azure Container Registry, or for one scope of it."""

    resource: ClassVar[Resource] = generator_resource("ACRAccessToken", "acraccesstokens")

    spec: ACRAccessTokenSpec | None = None
