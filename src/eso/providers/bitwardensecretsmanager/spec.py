"""The configuration under `spec.provider.bitwardensecretsmanager` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import CAProvider, SecretKeySelector
from reconcile.api.model import Model

__all__ = ["BitwardenSecretsManagerAuth", "BitwardenSecretsManagerSecretRef", "BitwardenSecretsManagerSpec"]


class BitwardenSecretsManagerSecretRef(Model):
    """The access token of a machine account, in a Secret."""

    credentials: SecretKeySelector


class BitwardenSecretsManagerAuth(Model):
    """How to sign in."""

    secret_ref: BitwardenSecretsManagerSecretRef


class BitwardenSecretsManagerSpec(Model):
    """An organisation and project, and the SDK server that reaches them."""

    auth: BitwardenSecretsManagerAuth
    organization_id: str = Field(alias="organizationID")
    project_id: str = Field(alias="projectID")
    api_url: str | None = Field(default=None, alias="apiURL")
    bitwarden_server_sdk_url: str | None = Field(default=None, alias="bitwardenServerSDKURL")
    ca_bundle: str | None = None
    ca_provider: CAProvider | None = None
    identity_url: str | None = Field(default=None, alias="identityURL")
