"""The configuration under `spec.provider.beyondtrustworkloadcredentials` of a store."""

from __future__ import annotations

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model

__all__ = [
    "APIKeyAuth",
    "BeyondtrustWorkloadCredentialsAuth",
    "BeyondtrustWorkloadCredentialsServer",
    "BeyondtrustWorkloadCredentialsSpec",
]


class APIKeyAuth(Model):
    """A bearer token, in a Secret."""

    token: SecretKeySelector


class BeyondtrustWorkloadCredentialsAuth(Model):
    """How to sign in."""

    apikey: APIKeyAuth


class BeyondtrustWorkloadCredentialsServer(Model):
    """The API endpoint and the site."""

    api_url: str
    site_id: str


class BeyondtrustWorkloadCredentialsSpec(Model):
    """A site, the folder that is read, and the token for it."""

    auth: BeyondtrustWorkloadCredentialsAuth
    server: BeyondtrustWorkloadCredentialsServer
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    folder_path: str | None = None
