"""The configuration under `spec.provider.infisical` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model

__all__ = [
    "AwsAuthCredentials",
    "AzureAuthCredentials",
    "GcpIDTokenAuthCredentials",
    "GcpIamAuthCredentials",
    "InfisicalAuth",
    "InfisicalSpec",
    "JwtAuthCredentials",
    "KubernetesAuthCredentials",
    "LDAPAuthCredentials",
    "MachineIdentityScopeInWorkspace",
    "OCIAuthCredentials",
    "TokenAuthCredentials",
    "UniversalAuthCredentials",
]


class AwsAuthCredentials(Model):
    """AWS auth: a signed STS request of the ambient identity."""

    identity_id: SecretKeySelector


class AzureAuthCredentials(Model):
    """Azure auth: a token of the managed identity for a resource."""

    identity_id: SecretKeySelector
    resource: SecretKeySelector | None = None


class GcpIamAuthCredentials(Model):
    """GCP IAM auth: a JWT signed with a service account key file."""

    identity_id: SecretKeySelector
    service_account_key_file_path: SecretKeySelector


class GcpIDTokenAuthCredentials(Model):
    """GCP ID token auth: an identity token of the metadata server."""

    identity_id: SecretKeySelector


class JwtAuthCredentials(Model):
    """JWT auth: a token of a trusted issuer."""

    identity_id: SecretKeySelector
    jwt: SecretKeySelector


class KubernetesAuthCredentials(Model):
    """Kubernetes auth: the token of a ServiceAccount, by path."""

    identity_id: SecretKeySelector
    service_account_token_path: SecretKeySelector | None = None


class LDAPAuthCredentials(Model):
    """LDAP auth: user name and password."""

    identity_id: SecretKeySelector
    ldap_password: SecretKeySelector
    ldap_username: SecretKeySelector


class OCIAuthCredentials(Model):
    """OCI auth: a request signed with an API key of a user."""

    fingerprint: SecretKeySelector
    identity_id: SecretKeySelector
    private_key: SecretKeySelector
    region: SecretKeySelector
    tenancy_id: SecretKeySelector
    user_id: SecretKeySelector
    private_key_passphrase: SecretKeySelector | None = None


class TokenAuthCredentials(Model):
    """Token auth: an access token as it is."""

    access_token: SecretKeySelector


class UniversalAuthCredentials(Model):
    """Universal auth: client id and secret of a machine identity."""

    client_id: SecretKeySelector
    client_secret: SecretKeySelector


class InfisicalAuth(Model):
    """Ways to sign in; the first that is present is used."""

    aws_auth_credentials: AwsAuthCredentials | None = None
    azure_auth_credentials: AzureAuthCredentials | None = None
    gcp_iam_auth_credentials: GcpIamAuthCredentials | None = None
    gcp_id_token_auth_credentials: GcpIDTokenAuthCredentials | None = None
    jwt_auth_credentials: JwtAuthCredentials | None = None
    kubernetes_auth_credentials: KubernetesAuthCredentials | None = None
    ldap_auth_credentials: LDAPAuthCredentials | None = None
    oci_auth_credentials: OCIAuthCredentials | None = None
    token_auth_credentials: TokenAuthCredentials | None = None
    universal_auth_credentials: UniversalAuthCredentials | None = None


class MachineIdentityScopeInWorkspace(Model):
    """Project, environment and folder that are read."""

    environment_slug: str
    project_slug: str
    expand_secret_references: bool = True
    organization_slug: str | None = None
    recursive: bool = False
    secrets_path: str = "/"


class InfisicalSpec(Model):
    """A host, the folder that is read, and how to sign in."""

    auth: InfisicalAuth
    secrets_scope: MachineIdentityScopeInWorkspace
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    host_api: str = Field(default="https://app.infisical.com/api", alias="hostAPI")
