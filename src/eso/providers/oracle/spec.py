"""The configuration under `spec.provider.oracle` of a store."""

from __future__ import annotations

from typing import Annotated, Literal

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model
from reconcile.schema import AS_STORED

__all__ = ["OracleAuth", "OracleSecretRef", "OracleSpec"]


class OracleSecretRef(Model):
    """The private key and its fingerprint, in Secrets."""

    fingerprint: SecretKeySelector
    privatekey: SecretKeySelector


class OracleAuth(Model):
    """A user and its API signing key; absent means the instance principal."""

    secret_ref: OracleSecretRef
    tenancy: str
    user: str


class OracleSpec(Model):
    """A vault in a region and the principal that uses it."""

    region: str
    vault: str
    auth: OracleAuth | None = None
    compartment: str | None = None
    encryption_key: str | None = None
    principal_type: Annotated[Literal["", "UserPrincipal", "InstancePrincipal", "Workload"], AS_STORED] | None = None
    service_account_ref: ServiceAccountSelector | None = None
