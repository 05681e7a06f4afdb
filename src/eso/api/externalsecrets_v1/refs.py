"""References to stores and generators that several kinds hold."""

from __future__ import annotations

from typing import Annotated, Literal

from eso.api.meta_v1 import ObjectName
from reconcile.api.model import Model
from reconcile.schema import AS_STORED

__all__ = ["GeneratorKind", "GeneratorRef", "SecretStoreRef", "StoreKind"]

StoreKind = Annotated[Literal["SecretStore", "ClusterSecretStore"], AS_STORED]
"""Kind of a store; absent means SecretStore."""

GeneratorKind = Annotated[
    Literal[
        "ACRAccessToken",
        "BeyondtrustWorkloadCredentialsDynamicSecret",
        "ClusterGenerator",
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
"""Kinds a generator reference may name."""


class SecretStoreRef(Model):
    """A SecretStore in the namespace of the object, or a ClusterSecretStore."""

    name: ObjectName | None = None
    kind: StoreKind | None = None


class GeneratorRef(Model):
    """A generator in the namespace of the object, or a ClusterGenerator."""

    api_version: str = "generators.external-secrets.io/v1alpha1"
    kind: GeneratorKind
    name: ObjectName
