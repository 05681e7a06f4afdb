"""HashiCorp Vault: server, sign-in and mount; what the vault provider and the VaultDynamicSecret generator hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from eso.api.identity_v1 import AWSAuthSecretRef, AWSJWTAuth, GCPAuthSecretRef, GCPWorkloadIdentity
from eso.api.meta_v1 import Base64, CAProvider, Int64, SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model
from reconcile.schema import AS_STORED, REQUIRED

__all__ = [
    "VaultAppRole",
    "VaultAuth",
    "VaultCertAuth",
    "VaultCheckAndSet",
    "VaultClientTLS",
    "VaultGCPAuth",
    "VaultIamAuth",
    "VaultJwtAuth",
    "VaultKubernetesAuth",
    "VaultKubernetesServiceAccountTokenAuth",
    "VaultLdapAuth",
    "VaultSpec",
    "VaultUserPassAuth",
]


class VaultAppRole(Model):
    """AppRole: role id, in the spec or in a Secret, and secret id."""

    secret_ref: SecretKeySelector
    path: Annotated[str, REQUIRED] = "approle"
    role_id: str | None = None
    role_ref: SecretKeySelector | None = None


class VaultCertAuth(Model):
    """TLS certificates: client certificate and key, in Secrets."""

    client_cert: SecretKeySelector | None = None
    path: str = "cert"
    secret_ref: SecretKeySelector | None = None
    vault_role: str | None = None


class VaultGCPAuth(Model):
    """GCP: a JWT signed by a service account."""

    role: str
    location: str | None = None
    path: str = "gcp"
    project_id: str | None = Field(default=None, alias="projectID")
    secret_ref: GCPAuthSecretRef | None = None
    service_account_ref: ServiceAccountSelector | None = None
    workload_identity: GCPWorkloadIdentity | None = None


class VaultIamAuth(Model):
    """AWS IAM: a signed STS request."""

    vault_role: str
    external_id: str | None = Field(default=None, alias="externalID")
    jwt: AWSJWTAuth | None = None
    path: str | None = None
    region: str | None = None
    role: str | None = None
    secret_ref: AWSAuthSecretRef | None = None
    vault_aws_iam_server_id: str | None = Field(default=None, alias="vaultAwsIamServerID")


class VaultKubernetesServiceAccountTokenAuth(Model):
    """A ServiceAccount whose tokens the JWT role trusts; `audiences` and `expiration_seconds` are deprecated."""

    service_account_ref: ServiceAccountSelector
    audiences: list[str] | None = None
    expiration_seconds: Int64 | None = None


class VaultJwtAuth(Model):
    """JWT: a token from a Secret, or of a ServiceAccount."""

    kubernetes_service_account_token: VaultKubernetesServiceAccountTokenAuth | None = None
    path: Annotated[str, REQUIRED] = "jwt"
    role: str | None = None
    secret_ref: SecretKeySelector | None = None


class VaultKubernetesAuth(Model):
    """Kubernetes: a ServiceAccount token, from TokenRequest, a Secret, or the operator's own."""

    role: str
    mount_path: Annotated[str, REQUIRED] = "kubernetes"
    secret_ref: SecretKeySelector | None = None
    service_account_ref: ServiceAccountSelector | None = None


class VaultLdapAuth(Model):
    """LDAP: user name and password."""

    username: str
    path: Annotated[str, REQUIRED] = "ldap"
    secret_ref: SecretKeySelector | None = None


class VaultUserPassAuth(Model):
    """User name and password."""

    username: str
    path: Annotated[str, REQUIRED] = "userpass"
    secret_ref: SecretKeySelector | None = None


class VaultAuth(Model):
    """Ways to sign in; the first that is present is used. `namespace` counts for the login only."""

    app_role: VaultAppRole | None = None
    cert: VaultCertAuth | None = None
    gcp: VaultGCPAuth | None = None
    iam: VaultIamAuth | None = None
    jwt: VaultJwtAuth | None = None
    kubernetes: VaultKubernetesAuth | None = None
    ldap: VaultLdapAuth | None = None
    namespace: str | None = None
    token_secret_ref: SecretKeySelector | None = None
    user_pass: VaultUserPassAuth | None = None


class VaultCheckAndSet(Model):
    """Whether a write states the version that it replaces (version 2 only)."""

    required: bool | None = None


class VaultClientTLS(Model):
    """Client certificate and key for mutual TLS, in Secrets."""

    cert_secret_ref: SecretKeySelector | None = None
    key_secret_ref: SecretKeySelector | None = None


class VaultSpec(Model):
    """A server, a mount and how to sign in; `headers` are sent with every request."""

    server: str
    auth: VaultAuth | None = None
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    check_and_set: VaultCheckAndSet | None = None
    forward_inconsistent: bool | None = None
    headers: dict[str, str] | None = Field(default=None, repr=False)
    namespace: str | None = None
    path: str | None = None
    read_your_writes: bool | None = None
    tls: VaultClientTLS | None = None
    version: Annotated[Literal["v1", "v2"], AS_STORED] = "v2"
