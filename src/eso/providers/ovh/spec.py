"""The configuration under `spec.provider.ovh` of a store."""

from __future__ import annotations

from typing import Annotated

from eso.api.meta_v1 import Base64, CAProvider, Int32, SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import value_range

__all__ = ["OvhAuth", "OvhClientMTLS", "OvhClientToken", "OvhSpec"]


class OvhClientMTLS(Model):
    """Client certificate and key, in Secrets, and the CA to trust."""

    cert_secret_ref: SecretKeySelector
    key_secret_ref: SecretKeySelector
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None


class OvhClientToken(Model):
    """An access token, in a Secret."""

    token_secret_ref: SecretKeySelector


class OvhAuth(Model):
    """A client certificate, or a token."""

    mtls: OvhClientMTLS | None = None
    token: OvhClientToken | None = None


class OvhSpec(Model):
    """An OKMS domain and one way to authenticate; the timeout is in seconds."""

    auth: OvhAuth
    okmsid: str
    server: str
    cas_required: bool | None = None
    okms_timeout: Annotated[Int32, value_range(1)] = 30
