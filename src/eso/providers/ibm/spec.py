"""The configuration under `spec.provider.ibm` of a store."""

from __future__ import annotations

from typing import ClassVar

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, property_count

__all__ = ["IBMAuth", "IBMAuthContainerAuth", "IBMAuthSecretRef", "IBMSpec"]


class IBMAuthContainerAuth(Model):
    """A trusted profile, proven by the token mounted into the Pod."""

    profile: str
    iam_endpoint: str | None = None
    token_location: str | None = None


class IBMAuthSecretRef(Model):
    """An IAM API key, in a Secret."""

    iam_endpoint: str | None = None
    secret_api_key_secret_ref: SecretKeySelector | None = None


class IBMAuth(Model):
    """Exactly one way to authenticate."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    container_auth: IBMAuthContainerAuth | None = None
    secret_ref: IBMAuthSecretRef | None = None


class IBMSpec(Model):
    """An instance and one way to authenticate to it."""

    auth: IBMAuth
    service_url: str | None = None
