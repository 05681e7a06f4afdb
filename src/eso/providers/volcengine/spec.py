"""The configuration under `spec.provider.volcengine` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["VolcengineAuth", "VolcengineAuthSecretRef", "VolcengineSpec"]


class VolcengineAuthSecretRef(Model):
    """Access key, secret key and an optional session token, in Secrets."""

    access_key_id: SecretKeySelector = Field(alias="accessKeyID")
    secret_access_key: SecretKeySelector
    token: SecretKeySelector | None = None


class VolcengineAuth(Model):
    """How to sign in; absent means the identity of the operator's Pod."""

    secret_ref: VolcengineAuthSecretRef | None = None


class VolcengineSpec(Model):
    """A region and how to sign in."""

    region: str
    auth: VolcengineAuth | None = None
