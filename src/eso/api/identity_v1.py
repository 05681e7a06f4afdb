"""How to sign in to clouds and clusters: settings that several providers and generators hold."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eso.api.meta_v1 import (
    Base64,
    CAProvider,
    DataKey,
    NamespaceName,
    ObjectName,
    SecretKeySelector,
    ServiceAccountSelector,
)
from reconcile.api.model import Model
from reconcile.schema import AS_STORED, Constraint, keyword, property_count, text_length, text_pattern

__all__ = [
    "AWSAuth",
    "AWSAuthSecretRef",
    "AWSJWTAuth",
    "AwsCredentialsConfig",
    "AzureEnvironmentType",
    "CertAuth",
    "ConfigMapReference",
    "GCPAuthSecretRef",
    "GCPWorkloadIdentity",
    "GCPWorkloadIdentityFederation",
    "KubernetesAuth",
    "KubernetesServer",
    "SecretReference",
    "TokenAuth",
    "YandexAuth",
    "YandexByID",
    "YandexByName",
    "YandexCAProvider",
    "YandexFetchingPolicy",
]

AzureEnvironmentType = Annotated[
    Literal["PublicCloud", "USGovernmentCloud", "ChinaCloud", "GermanCloud", "AzureStackCloud"], AS_STORED
]
"""Which Azure cloud; it decides the sign-in and resource endpoints."""


class AWSAuthSecretRef(Model):
    """Static credentials: access key, secret key and an optional session token, in Secrets."""

    access_key_id_secret_ref: SecretKeySelector | None = Field(default=None, alias="accessKeyIDSecretRef")
    secret_access_key_secret_ref: SecretKeySelector | None = None
    session_token_secret_ref: SecretKeySelector | None = None


class AWSJWTAuth(Model):
    """A ServiceAccount that is annotated with the role it may assume (IRSA)."""

    service_account_ref: ServiceAccountSelector | None = None


class AWSAuth(Model):
    """Base credentials: `jwt` wins over `secret_ref`; neither means the default credential chain."""

    jwt: AWSJWTAuth | None = None
    secret_ref: AWSAuthSecretRef | None = None


class GCPAuthSecretRef(Model):
    """The JSON key of a service account, in a Secret."""

    secret_access_key_secret_ref: SecretKeySelector | None = None


class GCPWorkloadIdentity(Model):
    """GKE workload identity of a Kubernetes ServiceAccount; cluster data come from the metadata server when absent."""

    service_account_ref: ServiceAccountSelector
    cluster_location: str | None = None
    cluster_name: str | None = None
    cluster_project_id: str | None = Field(default=None, alias="clusterProjectID")


class ConfigMapReference(Model):
    """A key of a ConfigMap that holds an external account credential configuration (JSON)."""

    name: ObjectName
    key: DataKey
    namespace: NamespaceName | None = None


class SecretReference(Model):
    """A Secret with AWS credentials: `aws_access_key_id`, `aws_secret_access_key` and optionally `aws_session_token`."""

    name: ObjectName
    namespace: NamespaceName | None = None


class AwsCredentialsConfig(Model):
    """AWS credentials, exchanged for Google ones; the region selects the STS endpoint."""

    region: Annotated[str, text_length(1, 50), text_pattern(r"^[a-z0-9-]+$"), keyword("example", "ap-south-1")]
    aws_credentials_secret_ref: SecretReference


class GCPWorkloadIdentityFederation(Model):
    """Tokens of another identity provider, exchanged at Google's Security Token Service."""

    audience: str | None = None
    cred_config: ConfigMapReference | None = None
    service_account_ref: ServiceAccountSelector | None = None
    aws_security_credentials: AwsCredentialsConfig | None = None
    external_token_endpoint: str | None = None
    gcp_service_account_email: (
        Annotated[
            str,
            text_length(1),
            text_pattern(r"^.*@.*\.iam\.gserviceaccount\.com$"),
            keyword("example", "my-gsa@my-project.iam.gserviceaccount.com"),
        ]
        | None
    ) = None


class CertAuth(Model):
    """Client certificate and key for an API server, in Secrets."""

    client_cert: SecretKeySelector
    client_key: SecretKeySelector


class TokenAuth(Model):
    """A static bearer token for an API server, in a Secret."""

    bearer_token: SecretKeySelector


class KubernetesAuth(Model):
    """Exactly one way to sign in to an API server."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    cert: CertAuth | None = None
    token: TokenAuth | None = None
    service_account: ServiceAccountSelector | None = None


class KubernetesServer(Model):
    """The address of an API server and the CA to trust."""

    url: str = "kubernetes.default"
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None


class YandexAuth(Model):
    """An authorized key of a service account, in a Secret; absent means the metadata server."""

    authorized_key_secret_ref: SecretKeySelector | None = None


class YandexCAProvider(Model):
    """PEM certificates to trust instead of the system's, in a Secret."""

    cert_secret_ref: SecretKeySelector | None = None


class YandexByID(Model):
    """Keys are ids."""


class YandexByName(Model):
    """Keys are names within a folder."""

    folder_id: str = Field(alias="folderID")


class YandexFetchingPolicy(Model):
    """Whether keys are ids (the default) or names; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    by_id: YandexByID | None = Field(default=None, alias="byID")
    by_name: YandexByName | None = None
