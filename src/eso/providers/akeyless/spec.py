"""The configuration under `spec.provider.akeyless` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model

__all__ = ["AkeylessAuth", "AkeylessAuthSecretRef", "AkeylessKubernetesAuth", "AkeylessSpec"]


class AkeylessKubernetesAuth(Model):
    """Kubernetes auth: a ServiceAccount token, or the JWT in a Secret, for a named gateway configuration."""

    access_id: str = Field(alias="accessID")
    k8s_conf_name: str = Field(alias="k8sConfName")
    secret_ref: SecretKeySelector | None = None
    service_account_ref: ServiceAccountSelector | None = None


class AkeylessAuthSecretRef(Model):
    """Access id, access type and its parameter, each in a Secret."""

    access_id: SecretKeySelector | None = Field(default=None, alias="accessID")
    access_type: SecretKeySelector | None = None
    access_type_param: SecretKeySelector | None = None


class AkeylessAuth(Model):
    """Ways to sign in: Kubernetes auth wins over the three selectors."""

    kubernetes_auth: AkeylessKubernetesAuth | None = None
    secret_ref: AkeylessAuthSecretRef | None = None
    service_account_ref: ServiceAccountSelector | None = None


class AkeylessSpec(Model):
    """An Akeyless gateway and how to sign in to it."""

    akeyless_gw_api_url: str = Field(alias="akeylessGWApiURL")
    auth_secret_ref: AkeylessAuth
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    ignore_cache: bool | None = None
