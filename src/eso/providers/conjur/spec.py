"""The configuration under `spec.provider.conjur` of a store."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.meta_v1 import CAProvider, SecretKeySelector, ServiceAccountSelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, property_count

__all__ = ["ConjurAPIKey", "ConjurAuth", "ConjurCert", "ConjurJWT", "ConjurSpec"]


class ConjurAPIKey(Model):
    """Login and API key, in Secrets."""

    account: str
    api_key_ref: SecretKeySelector
    user_ref: SecretKeySelector


class ConjurCert(Model):
    """A client certificate and its key, in Secrets."""

    account: str
    client_cert_ref: SecretKeySelector
    client_key_ref: SecretKeySelector
    service_id: str = Field(alias="serviceID")
    host_id: str | None = None


class ConjurJWT(Model):
    """A JWT from a Secret, or a ServiceAccount token, for an authn-jwt service."""

    account: str
    service_id: str = Field(alias="serviceID")
    host_id: str | None = None
    secret_ref: SecretKeySelector | None = None
    service_account_ref: ServiceAccountSelector | None = None


class ConjurAuth(Model):
    """Exactly one way to authenticate."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    apikey: ConjurAPIKey | None = None
    cert: ConjurCert | None = None
    jwt: ConjurJWT | None = None


class ConjurSpec(Model):
    """A Conjur appliance and one way to authenticate to it."""

    auth: ConjurAuth
    url: str
    ca_bundle: str | None = None
    ca_provider: CAProvider | None = None
