"""The configuration under `spec.provider.beyondtrust` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["BeyondTrustProviderSecretRef", "BeyondtrustAuth", "BeyondtrustServer", "BeyondtrustSpec"]


class BeyondTrustProviderSecretRef(Model):
    """A value, in the spec or in a Secret."""

    secret_ref: SecretKeySelector | None = None
    value: str | None = Field(default=None, repr=False)


class BeyondtrustAuth(Model):
    """An API key, or OAuth client credentials, with an optional client certificate."""

    api_key: BeyondTrustProviderSecretRef | None = None
    certificate: BeyondTrustProviderSecretRef | None = None
    certificate_key: BeyondTrustProviderSecretRef | None = None
    client_id: BeyondTrustProviderSecretRef | None = None
    client_secret: BeyondTrustProviderSecretRef | None = None


class BeyondtrustServer(Model):
    """The server and what is read from it: `SECRET` or `MANAGED_ACCOUNT`."""

    api_url: str
    verify_ca: bool = Field(alias="verifyCA")
    api_version: str | None = None
    client_time_out_seconds: int | None = None
    decrypt: bool = True
    retrieval_type: str | None = None
    separator: str | None = None


class BeyondtrustSpec(Model):
    """A Password Safe server and the credentials for it."""

    auth: BeyondtrustAuth
    server: BeyondtrustServer
