"""ClusterGenerator: a generator that every namespace may refer to."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from eso.api.generators_v1alpha1.acraccesstoken import ACRAccessTokenSpec
from eso.api.generators_v1alpha1.beyondtrustworkloadcredentialsdynamicsecret import (
    BeyondtrustWorkloadCredentialsDynamicSecretSpec,
)
from eso.api.generators_v1alpha1.cloudsmithaccesstoken import CloudsmithAccessTokenSpec
from eso.api.generators_v1alpha1.ecrauthorizationtoken import ECRAuthorizationTokenSpec
from eso.api.generators_v1alpha1.fake import FakeSpec
from eso.api.generators_v1alpha1.gcraccesstoken import GCRAccessTokenSpec
from eso.api.generators_v1alpha1.githubaccesstoken import GithubAccessTokenSpec
from eso.api.generators_v1alpha1.gitlabdeploytoken import GitlabDeployTokenSpec
from eso.api.generators_v1alpha1.grafana import GrafanaSpec
from eso.api.generators_v1alpha1.mfa import MFASpec
from eso.api.generators_v1alpha1.password import PasswordSpec
from eso.api.generators_v1alpha1.quayaccesstoken import QuayAccessTokenSpec
from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.generators_v1alpha1.sshkey import SSHKeySpec
from eso.api.generators_v1alpha1.stssessiontoken import STSSessionTokenSpec
from eso.api.generators_v1alpha1.uuid import UUIDSpec
from eso.api.generators_v1alpha1.vaultdynamicsecret import VaultDynamicSecretSpec
from eso.api.generators_v1alpha1.webhook import WebhookSpec
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import AS_STORED, Constraint, property_count

__all__ = ["ClusterGenerator", "ClusterGeneratorKind", "ClusterGeneratorSpec", "GeneratorSpec"]

ClusterGeneratorKind = Annotated[
    Literal[
        "ACRAccessToken",
        "BeyondtrustWorkloadCredentialsDynamicSecret",
        "CloudsmithAccessToken",
        "ECRAuthorizationToken",
        "Fake",
        "GCRAccessToken",
        "GithubAccessToken",
        "GitlabDeployToken",
        "QuayAccessToken",
        "Password",
        "SSHKey",
        "STSSessionToken",
        "UUID",
        "VaultDynamicSecret",
        "Webhook",
        "Grafana",
        "MFA",
    ],
    AS_STORED,
]
"""Kinds that a ClusterGenerator can stand for."""


class GeneratorSpec(Model):
    """The spec of the generator, under the field of its kind; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    acr_access_token_spec: ACRAccessTokenSpec | None = None
    beyondtrust_workload_credentials_dynamic_secret_spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec | None = None
    cloudsmith_access_token_spec: CloudsmithAccessTokenSpec | None = None
    ecr_authorization_token_spec: ECRAuthorizationTokenSpec | None = None
    fake_spec: FakeSpec | None = None
    gcr_access_token_spec: GCRAccessTokenSpec | None = None
    github_access_token_spec: GithubAccessTokenSpec | None = None
    gitlab_deploy_token_spec: GitlabDeployTokenSpec | None = None
    quay_access_token_spec: QuayAccessTokenSpec | None = None
    password_spec: PasswordSpec | None = None
    ssh_key_spec: SSHKeySpec | None = None
    sts_session_token_spec: STSSessionTokenSpec | None = None
    uuid_spec: UUIDSpec | None = None
    vault_dynamic_secret_spec: VaultDynamicSecretSpec | None = None
    webhook_spec: WebhookSpec | None = None
    grafana_spec: GrafanaSpec | None = None
    mfa_spec: MFASpec | None = None


class ClusterGeneratorSpec(Model):
    """Which kind, and its spec."""

    kind: ClusterGeneratorKind
    generator: GeneratorSpec


class ClusterGenerator(KubeObject):
    """A generator without a namespace: references of its spec resolve in the namespace of the consumer."""

    resource: ClassVar[Resource] = generator_resource("ClusterGenerator", "clustergenerators", namespaced=False)

    spec: ClusterGeneratorSpec | None = None
